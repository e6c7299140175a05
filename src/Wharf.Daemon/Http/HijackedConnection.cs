namespace Wharf.Daemon.Http;

/// <summary>
/// A request whose connection became a raw two-way stream (attach, exec). After <see cref="HijackAsync"/> nothing of HTTP is left:
/// the client's half-close is the end of <see cref="Input"/>, and output still flows after it.
/// </summary>
public sealed class HijackedConnection(Stream input, Stream output)
{
    /// <summary>Bytes from the client, including any it sent early.</summary>
    public Stream Input { get; } = input;
    /// <summary>Bytes to the client; each write is sent at once.</summary>
    public Stream Output { get; } = output;

    /// <summary>
    /// Takes the connection over: answers 101 with <c>Upgrade: tcp</c> when the client asked for an upgrade and 200 otherwise.
    /// The request body must have been read before.
    /// </summary>
    public static Task<HijackedConnection> HijackAsync(ApiContext context, string contentType) => throw new NotImplementedException();
}
