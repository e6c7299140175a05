namespace Wharf.Specs.DockerApi;

/// <summary>The value of a JSON object used as a set: <c>{"80/tcp": {}}</c>.</summary>
public sealed record EmptyObject;
