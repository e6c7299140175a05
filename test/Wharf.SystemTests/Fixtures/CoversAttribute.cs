namespace Wharf.SystemTests.Fixtures;

/// <summary>Says which operation of the Engine API a test covers, and which of its parameters. docs/compat.md is made from these (<c>./dev compat</c>).</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class CoversAttribute(string operation, params string[] parameters) : Attribute
{
    /// <summary>The operationId of the reference, e.g. <c>ContainerCreate</c>.</summary>
    public string Operation { get; } = operation;
    /// <summary>Names of query parameters and headers; for a body, <c>body</c> or <c>body.Field</c>.</summary>
    public IReadOnlyList<string> Parameters { get; } = parameters;
}
