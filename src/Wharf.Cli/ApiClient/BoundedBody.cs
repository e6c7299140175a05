using Wharf.Cli.CommandLine;

namespace Wharf.Cli.ApiClient;

/// <summary>Bodies of servers that may send anything.</summary>
internal static class BoundedBody
{
    /// <summary>All of a body, which may have no more than <paramref name="most"/> bytes, whatever its head said.</summary>
    public static async Task<byte[]> ReadAsync(HttpResponseMessage response, int most, string what, CancellationToken cancellationToken)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var memory = new MemoryStream();
        var buffer = new byte[16384];
        int count;
        while ((count = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (memory.Length + count > most) throw new CliException($"{what} is too large");
            memory.Write(buffer, 0, count);
        }
        return memory.ToArray();
    }
}
