namespace Wharf.Cli.ApiClient;

/// <summary>A request before it is sent. The path is without the version; at most one of the bodies is set.</summary>
internal sealed record ApiRequest(string Method, string Path)
{
    public byte[]? Body { get; init; }
    /// <summary>A body of unknown length, sent in chunks.</summary>
    public Stream? BodyStream { get; init; }
    public List<KeyValuePair<string, string>> Headers { get; init; } = [];
}
