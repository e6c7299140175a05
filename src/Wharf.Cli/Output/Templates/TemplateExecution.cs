using System.Text;

namespace Wharf.Cli.Output.Templates;

/// <summary>One run of a template over one value.</summary>
internal sealed class TemplateExecution(string source, TemplateFunctions functions, StringBuilder output, object? data, bool isHeading)
{
    private const int MaxDepth = 1000;
    private enum Flow { Next, Break, Continue }

    private readonly Dictionary<string, IReadOnlyList<Node>> defined = [];
    private readonly List<(string Name, object? Value)> variables = [("$", data)];
    private int depth;

    public void Run(IReadOnlyList<Node> nodes)
    {
        foreach (var define in nodes.OfType<DefineNode>()) defined[define.Name] = define.Body;
        Walk(nodes, data);
    }

    private Flow Walk(IReadOnlyList<Node> nodes, object? dot)
    {
        if (++depth > MaxDepth) throw Failed("exceeded maximum template depth", nodes[0].Position, "");
        var mark = variables.Count;
        var flow = Flow.Next;
        foreach (var node in nodes)
        {
            flow = Step(node, dot);
            if (flow != Flow.Next) break;
        }
        variables.RemoveRange(mark, variables.Count - mark);
        depth--;
        return flow;
    }

    private Flow Step(Node node, object? dot)
    {
        switch (node)
        {
            case TextNode text:
                output.Append(text.Text);
                return Flow.Next;
            case ActionNode action:
                var value = Evaluate(action.Pipeline, dot);
                if (action.Pipeline.Variables.Count == 0) output.Append(TemplateValue.Print(value));
                return Flow.Next;
            case IfNode choice:
                return Scoped(() => Walk(TemplateValue.IsTrue(Evaluate(choice.Condition, dot)) ? choice.Then : choice.Else, dot));
            case WithNode with:
                return Scoped(() => Evaluate(with.Value, dot) is var inner && TemplateValue.IsTrue(inner) ? Walk(with.Then, inner) : Walk(with.Else, dot));
            case RangeNode range:
                return Scoped(() => Range(range, dot));
            case LoopNode loop:
                return loop.IsBreak ? Flow.Break : Flow.Continue;
            case CallNode call:
                Call(call, dot);
                return Flow.Next;
            default:
                return Flow.Next;
        }
    }

    private Flow Scoped(Func<Flow> body)
    {
        var mark = variables.Count;
        var flow = body();
        variables.RemoveRange(mark, variables.Count - mark);
        return flow;
    }

    private void Call(CallNode call, object? dot)
    {
        if (!defined.TryGetValue(call.Name, out var body)) throw Failed($"template {Quoting.Quote(call.Name)} not defined", call.Position, "");
        var argument = call.Argument is { } pipeline ? Evaluate(pipeline, dot) : null;
        var outer = variables.ToArray();
        variables.Clear();
        variables.Add(("$", argument));
        Walk(body, argument);
        variables.Clear();
        variables.AddRange(outer);
    }

    private Flow Range(RangeNode range, object? dot)
    {
        var list = Evaluate(range.Source with { Variables = [] }, dot);
        var items = list switch
        {
            null => [],
            IReadOnlyList<object?> values => values.Select((value, i) => ((object?)(long)i, value)).ToList(),
            TemplateObject { IsMap: true } map => map.Fields.OrderBy(field => field.Key, StringComparer.Ordinal).Select(field => ((object?)field.Key, field.Value)).ToList(),
            long count => Enumerable.Range(0, (int)Math.Clamp(count, 0, 1_000_000)).Select(i => ((object?)(long)i, (object?)(long)i)).ToList(),
            _ => throw Failed($"range can't iterate over {TemplateValue.Print(list)}", range.Position, ""),
        };
        if (items.Count == 0) return Walk(range.Else, dot);
        foreach (var (key, value) in items)
        {
            var mark = variables.Count;
            if (range.Source.Variables is [var first, var second])
            {
                Assign(first, key, range.Source.IsDeclaration);
                Assign(second, value, range.Source.IsDeclaration);
            }
            else if (range.Source.Variables is [var only])
            {
                Assign(only, value, range.Source.IsDeclaration);
            }
            var flow = Walk(range.Body, value);
            variables.RemoveRange(mark, variables.Count - mark);
            if (flow == Flow.Break) break;
        }
        return Flow.Next;
    }

    private void Assign(string name, object? value, bool isDeclaration)
    {
        if (isDeclaration)
        {
            variables.Add((name, value));
            return;
        }
        var at = variables.FindLastIndex(variable => variable.Name == name);
        if (at < 0) throw new TemplateException($"template: :1: undefined variable {Quoting.Quote(name)}");
        variables[at] = (name, value);
    }

    private object? Evaluate(Pipeline pipeline, object? dot)
    {
        object? value = null;
        for (var i = 0; i < pipeline.Commands.Count; i++) value = Evaluate(pipeline.Commands[i], dot, i > 0, value);
        foreach (var name in pipeline.Variables) Assign(name, value, pipeline.IsDeclaration);
        return value;
    }

    private object? Evaluate(IReadOnlyList<Operand> command, object? dot, bool hasPiped, object? piped)
    {
        if (command[0] is FunctionOperand { Name: "and" or "or" } logical) return EvaluateLogical(logical, command, dot, hasPiped, piped);
        var first = command[0];
        if (first is not (FunctionOperand or FieldOperand))
        {
            if (first is ConstantOperand { Value: null }) throw Failed("nil is not a command", first.Position, "nil");
            if (command.Count > 1 || hasPiped) throw Failed($"can't give argument to non-function {Describe(first)}", first.Position, Describe(first));
            return Evaluate(first, dot, []);
        }
        var arguments = new List<object?>(command.Count);
        for (var i = 1; i < command.Count; i++) arguments.Add(Evaluate(command[i], dot, []));
        if (hasPiped) arguments.Add(piped);
        try
        {
            return Evaluate(first, dot, arguments);
        }
        catch (FormatException e)
        {
            throw Failed(e.Message, first.Position, string.Join(' ', command.Select(Describe)));
        }
    }

    /// <summary><c>and</c> and <c>or</c> stop at the first value that decides, so that a guard protects what follows it.</summary>
    private object? EvaluateLogical(FunctionOperand function, IReadOnlyList<Operand> command, object? dot, bool hasPiped, object? piped)
    {
        object? value = null;
        for (var i = 1; i < command.Count; i++)
        {
            value = Evaluate(command[i], dot, []);
            if (TemplateValue.IsTrue(value) == (function.Name == "or")) return value;
        }
        if (hasPiped) return piped;
        return command.Count > 1 ? value : throw Failed($"wrong number of args for {function.Name}: want at least 1 got 0", function.Position, function.Name);
    }

    private object? Evaluate(Operand operand, object? dot, IReadOnlyList<object?> arguments)
    {
        switch (operand)
        {
            case DotOperand:
                return dot;
            case ConstantOperand constant:
                return constant.Value;
            case PipelineOperand inner:
                return Evaluate(inner.Pipeline, dot);
            case VariableOperand variable:
                var at = variables.FindLastIndex(known => known.Name == variable.Name);
                return at >= 0 ? variables[at].Value : throw new TemplateException($"template: :1: undefined variable {Quoting.Quote(variable.Name)}");
            case FunctionOperand function:
                if (isHeading && arguments.Count > 0 && TemplateFunctions.IsForHeading(function.Name)) return arguments[0];
                return functions.Call(function.Name, [.. arguments]);
            case FieldOperand field:
                return EvaluateField(field, dot, arguments);
            default:
                throw Failed("unknown operand", operand.Position, "");
        }
    }

    private object? EvaluateField(FieldOperand field, object? dot, IReadOnlyList<object?> arguments)
    {
        var value = Evaluate(field.From, dot, []);
        for (var i = 0; i < field.Names.Count; i++)
        {
            value = ReadField(field, value, field.Names[i]);
            if (value is not TemplateMethod method) continue;
            value = method(i == field.Names.Count - 1 ? arguments : []);
        }
        return value;
    }

    private object? ReadField(FieldOperand field, object? value, string name)
    {
        if (value is TemplateObject fields)
        {
            if (fields.TryGet(name, out var found) || GoNames.TryGet(fields, name, out found)) return found;
            if (fields.IsMap) return null;
            if (GoNames.IsOptional(name, out var absent)) return absent;
            throw Failed(fields.TypeName == "" ? $"map has no entry for key {Quoting.Quote(name)}" : $"can't evaluate field {name} in type {fields.TypeName}", field.Position, field.Source);
        }
        if (value is null) throw Failed($"nil pointer evaluating interface {{}}.{name}", field.Position, field.Source);
        throw Failed($"can't evaluate field {name} in type {(data is TemplateObject { IsRow: true } ? TemplateFunctions.TypeName(value) : "interface {}")}", field.Position, field.Source);
    }

    private static string Describe(Operand operand) => operand switch
    {
        DotOperand => ".",
        VariableOperand variable => variable.Name,
        FieldOperand field => field.Source,
        ConstantOperand constant => constant.Value is string text ? Quoting.Quote(text) : TemplateValue.Print(constant.Value),
        FunctionOperand function => function.Name,
        _ => "()",
    };

    private TemplateException Failed(string message, int position, string at)
    {
        var before = source.AsSpan(0, Math.Min(position, source.Length));
        var column = position - (before.LastIndexOf('\n') + 1);
        return new TemplateException($"template: :{1 + before.Count('\n')}:{column}: executing \"\" at <{(at.Length > 20 ? at[..20] + "..." : at)}>: {message}") { IsExecution = true };
    }
}
