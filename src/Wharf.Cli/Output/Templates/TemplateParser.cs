using System.Globalization;

namespace Wharf.Cli.Output.Templates;

/// <summary>Builds the nodes of a Go template from its tokens.</summary>
internal sealed class TemplateParser
{
    private const int MaxDepth = 100;
    private readonly string source;
    private readonly TemplateFunctions functions;
    private readonly List<Token> tokens;
    private int at, depth, loops;

    private TemplateParser(string source, TemplateFunctions functions)
    {
        this.source = source;
        this.functions = functions;
        tokens = new TemplateLexer(source).Read();
    }

    public static IReadOnlyList<Node> Parse(string source, TemplateFunctions functions)
    {
        var parser = new TemplateParser(source, functions);
        var nodes = parser.ReadNodes(out var stop);
        if (stop.Kind != TokenKind.End) throw parser.Error($"unexpected {{{{{stop.Text}}}}}", stop.Position);
        return nodes;
    }

    /// <summary>Reads until the end, or until <c>else</c> or <c>end</c>, whose word is given back and whose tail is unread.</summary>
    private List<Node> ReadNodes(out Token stop)
    {
        if (++depth > MaxDepth) throw Error("template is nested too deeply", tokens[at].Position);
        var nodes = new List<Node>();
        while (true)
        {
            var token = tokens[at++];
            if (token.Kind == TokenKind.End) { stop = token; break; }
            if (token.Kind == TokenKind.Text) { nodes.Add(new TextNode(token.Text, token.Position)); continue; }
            var word = tokens[at];
            if (word.Kind == TokenKind.Identifier && word.Text is "else" or "end")
            {
                at++;
                stop = word;
                break;
            }
            nodes.Add(ReadAction(word));
        }
        depth--;
        return nodes;
    }

    private Node ReadAction(Token word)
    {
        switch (word.Kind == TokenKind.Identifier ? word.Text : "")
        {
            case "if":
                at++;
                return ReadBranch("if", word, (value, then, otherwise) => new IfNode(value, then, otherwise, word.Position));
            case "with":
                at++;
                return ReadBranch("with", word, (value, then, otherwise) => new WithNode(value, then, otherwise, word.Position));
            case "range":
                at++;
                loops++;
                var range = ReadBranch("range", word, (value, then, otherwise) => new RangeNode(value, then, otherwise, word.Position));
                loops--;
                return range;
            case "break" or "continue":
                at++;
                if (loops == 0) throw Error($"{{{{{word.Text}}}}} outside {{{{range}}}}", word.Position);
                Expect(TokenKind.Close, word.Text);
                return new LoopNode(word.Text == "break", word.Position);
            case "define":
                at++;
                var name = Expect(TokenKind.Literal, "define").Text;
                Expect(TokenKind.Close, "define");
                var body = ReadNodes(out var stop);
                ExpectEnd(stop, "define");
                return new DefineNode(name, body, word.Position);
            case "template":
                at++;
                var called = Expect(TokenKind.Literal, "template").Text;
                return new CallNode(called, tokens[at].Kind == TokenKind.Close ? Skip<Pipeline>() : ReadPipeline(TokenKind.Close, "template"), word.Position);
            default:
                return new ActionNode(ReadPipeline(TokenKind.Close, "command"), word.Position);
        }
    }

    private T? Skip<T>() where T : class
    {
        at++;
        return null;
    }

    private Node ReadBranch(string kind, Token word, Func<Pipeline, IReadOnlyList<Node>, IReadOnlyList<Node>, Node> make)
    {
        var value = ReadPipeline(TokenKind.Close, kind);
        var then = ReadNodes(out var stop);
        if (stop.Text != "else" || stop.Kind == TokenKind.End)
        {
            ExpectEnd(stop, kind);
            return make(value, then, []);
        }
        // {{else if …}} and {{else with …}} hold a whole branch that shares our end.
        if (tokens[at] is { Kind: TokenKind.Identifier, Text: "if" or "with" } next)
        {
            return make(value, then, [ReadAction(next)]);
        }
        Expect(TokenKind.Close, "else");
        var otherwise = ReadNodes(out stop);
        ExpectEnd(stop, kind);
        return make(value, then, otherwise);
    }

    private void ExpectEnd(Token stop, string context)
    {
        if (stop.Kind == TokenKind.End) throw Error("unexpected EOF", stop.Position);
        if (stop.Text != "end") throw Error($"unexpected {{{{{stop.Text}}}}} in {context}", stop.Position);
        Expect(TokenKind.Close, "end");
    }

    private Token Expect(TokenKind kind, string context)
    {
        var token = tokens[at++];
        return token.Kind == kind ? token : throw Error(token.Kind == TokenKind.End ? "unexpected EOF" : $"unexpected {Quoting.Quote(token.Text)} in {context}", token.Position);
    }

    private Pipeline ReadPipeline(TokenKind close, string context)
    {
        if (++depth > MaxDepth) throw Error("template is nested too deeply", tokens[at].Position);
        var (variables, isDeclaration) = ReadVariables();
        var commands = new List<IReadOnlyList<Operand>>();
        var command = new List<Operand>();
        while (true)
        {
            var token = tokens[at];
            if (token.Kind == close || token.Kind == TokenKind.Pipe)
            {
                at++;
                if (command.Count == 0) throw Error(token.Kind == close && commands.Count == 0 ? $"missing value for {context}" : "missing value for command", token.Position);
                commands.Add(command);
                if (token.Kind == close) break;
                command = [];
                continue;
            }
            command.Add(ReadOperand(context));
        }
        depth--;
        return new Pipeline(variables, isDeclaration, commands);
    }

    private (List<string>, bool) ReadVariables()
    {
        var from = at;
        var names = new List<string>();
        while (tokens[at].Kind == TokenKind.Variable)
        {
            names.Add(tokens[at++].Text);
            if (tokens[at].Kind == TokenKind.Comma && names.Count == 1) { at++; continue; }
            if (tokens[at].Kind is TokenKind.Declare or TokenKind.Assign) return (names, tokens[at++].Kind == TokenKind.Declare);
            break;
        }
        at = from;
        return ([], false);
    }

    private Operand ReadOperand(string context)
    {
        var token = tokens[at++];
        Operand operand = token.Kind switch
        {
            TokenKind.Field => new FieldOperand(new DotOperand(token.Position), [token.Text], token.Position),
            TokenKind.Dot => new DotOperand(token.Position),
            TokenKind.Variable => new VariableOperand(token.Text, token.Position),
            TokenKind.Literal => new ConstantOperand(token.Text, token.Position),
            TokenKind.Number => new ConstantOperand(ReadNumber(token), token.Position),
            TokenKind.OpenParenthesis => new PipelineOperand(ReadPipeline(TokenKind.CloseParenthesis, "parenthesized pipeline"), token.Position),
            TokenKind.Identifier => token.Text switch
            {
                "true" => new ConstantOperand(true, token.Position),
                "false" => new ConstantOperand(false, token.Position),
                "nil" => new ConstantOperand(null, token.Position),
                _ when functions.Exists(token.Text) => new FunctionOperand(token.Text, token.Position),
                _ => throw Error($"function {Quoting.Quote(token.Text)} not defined", token.Position),
            },
            TokenKind.End => throw Error("unexpected EOF", token.Position),
            _ => throw Error($"unexpected {Quoting.Quote(token.Text)} in {context}", token.Position),
        };
        return ReadChain(operand, token);
    }

    /// <summary><c>.A.B</c>: a field belongs to what is before it only when nothing stands between.</summary>
    private Operand ReadChain(Operand operand, Token first)
    {
        var names = new List<string>();
        var end = at > 0 && operand is PipelineOperand ? tokens[at - 1].Position + 1 : first.Position + first.Text.Length + (first.Kind == TokenKind.Field ? 1 : 0);
        while (tokens[at].Kind == TokenKind.Field && tokens[at].Position == end)
        {
            names.Add(tokens[at].Text);
            end += tokens[at++].Text.Length + 1;
        }
        if (tokens[at].Kind == TokenKind.Dot && tokens[at].Position == end) throw Error("unexpected <.> in operand", end);
        if (names.Count == 0) return operand;
        // Go names the place of a chain by its second part.
        return operand is FieldOperand field
            ? field with { Names = [.. field.Names, .. names], Position = field.Position + field.Names[0].Length + 1 }
            : new FieldOperand(operand, names, first.Position + (operand is PipelineOperand ? 0 : first.Text.Length));
    }

    private object ReadNumber(Token token)
    {
        var text = token.Text.Replace("_", "", StringComparison.Ordinal);
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole)) return whole;
        if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) && long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out whole)) return whole;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real)) return real;
        throw Error($"bad number syntax: {Quoting.Quote(token.Text)}", token.Position);
    }

    private TemplateException Error(string message, int position) => new($"template: :{1 + source.AsSpan(0, Math.Min(position, source.Length)).Count('\n')}: {message}");
}
