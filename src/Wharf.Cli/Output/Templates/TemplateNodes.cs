namespace Wharf.Cli.Output.Templates;

/// <summary>Something a template does when carried out.</summary>
internal abstract record Node(int Position);

internal sealed record TextNode(string Text, int Position) : Node(Position);
internal sealed record ActionNode(Pipeline Pipeline, int Position) : Node(Position);
internal sealed record IfNode(Pipeline Condition, IReadOnlyList<Node> Then, IReadOnlyList<Node> Else, int Position) : Node(Position);
internal sealed record WithNode(Pipeline Value, IReadOnlyList<Node> Then, IReadOnlyList<Node> Else, int Position) : Node(Position);
internal sealed record RangeNode(Pipeline Source, IReadOnlyList<Node> Body, IReadOnlyList<Node> Else, int Position) : Node(Position);
internal sealed record LoopNode(bool IsBreak, int Position) : Node(Position);
internal sealed record DefineNode(string Name, IReadOnlyList<Node> Body, int Position) : Node(Position);
internal sealed record CallNode(string Name, Pipeline? Argument, int Position) : Node(Position);

/// <summary>Commands joined by <c>|</c>, with the variables they set.</summary>
internal sealed record Pipeline(IReadOnlyList<string> Variables, bool IsDeclaration, IReadOnlyList<IReadOnlyList<Operand>> Commands);

/// <summary>One word of a command.</summary>
internal abstract record Operand(int Position);

internal sealed record DotOperand(int Position) : Operand(Position);
internal sealed record ConstantOperand(object? Value, int Position) : Operand(Position);
internal sealed record VariableOperand(string Name, int Position) : Operand(Position);
internal sealed record FunctionOperand(string Name, int Position) : Operand(Position);
internal sealed record PipelineOperand(Pipeline Pipeline, int Position) : Operand(Position);
/// <summary>Fields read one after the other from what is before them.</summary>
internal sealed record FieldOperand(Operand From, IReadOnlyList<string> Names, int Position) : Operand(Position)
{
    public string Source => (From is VariableOperand variable ? variable.Name : "") + string.Concat(Names.Select(name => "." + name));
}
