namespace Wharf.Specs.DockerApi;

/// <summary>Asks for a secret (<c>POST /wharf/secrets</c>).</summary>
public sealed record SecretCreateRequest
{
    public string? Name { get; set; }
    public Dictionary<string, string>? Labels { get; set; }
    /// <summary>The value: in JSON as base64 (RFC 4648), 1 to 512,000 bytes.</summary>
    public byte[]? Data { get; set; }
}

/// <summary>A secret as it is told (<c>GET /wharf/secrets</c>): its value never is.</summary>
public sealed record Secret
{
    public string ID { get; set; } = "";
    public string Name { get; set; } = "";
    public DateTimeOffset CreatedAt { get; set; }
    public Dictionary<string, string> Labels { get; set; } = [];
    /// <summary>Bytes of the value.</summary>
    public long Size { get; set; }
}
