using Wharf.Cli.ApiClient;
using Wharf.Cli.Contexts;

namespace Wharf.Cli.Commands.Images;

/// <summary>
/// An image on some engine, as podman's <c>image scp</c> spells it: <c>HOST::IMAGE</c>. HOST is a context, <c>[USER@]NAME[:PORT]</c> for ssh, or
/// an address with its scheme; without one it is the engine in force.
/// </summary>
internal sealed record ImagePlace(string Host, string Image)
{
    public static ImagePlace Parse(string text)
    {
        var at = Separator(text);
        return at < 0 ? new ImagePlace("", text) : new ImagePlace(text[..at], text[(at + 2)..]);
    }

    /// <summary>The first two colons outside brackets: within them is an IPv6 address.</summary>
    private static int Separator(string text)
    {
        var depth = 0;
        for (var i = 0; i + 1 < text.Length; i++)
        {
            if (text[i] == '[') depth++;
            else if (text[i] == ']') depth--;
            else if (depth == 0 && text[i] == ':' && text[i + 1] == ':') return i;
        }
        return -1;
    }

    /// <summary>What reaches the engine; the caller disposes it.</summary>
    public DockerClient Connect(CliContext cli)
    {
        if (Host == "") return cli.Options.CreateClient();
        var isNamed = Host == ContextStore.Default || cli.Options.Contexts.Exists(Host) || Host.Contains("://", StringComparison.Ordinal);
        return cli.Options.CreateClientOf(isNamed ? Host : $"ssh://{Host}");
    }
}
