using Wharf.Cli.CommandLine;

namespace Wharf.Cli.ApiClient;

/// <summary>Where a daemon listens: a unix socket, or TCP with or without TLS.</summary>
internal sealed record DockerHost(string Text, string? SocketPath, string HostName, int Port)
{
    public const string Default = "unix:///run/wharf/wharf.sock";

    /// <summary>The socket of a daemon that the user started himself (<c>wharf daemon --rootless</c>); null where none is.</summary>
    public static string? OfOwnDaemon() =>
        Environment.UserName != "root" && Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime && Path.Combine(runtime, "wharf", "wharf.sock") is var socket && File.Exists(socket) ? "unix://" + socket : null;

    public bool IsTls { get; init; }
    /// <summary>For <c>ssh://</c>: the arguments that name the machine to ssh(1); null otherwise.</summary>
    public IReadOnlyList<string>? SshTarget { get; init; }
    /// <summary>The <c>Host</c> header; a unix socket has no name of its own.</summary>
    public string Authority => SocketPath is null ? $"{HostName}:{Port}" : "localhost";

    /// <summary>Reads <c>unix:///path</c>, <c>tcp://host:port</c>, <c>http://</c> and <c>https://</c>.</summary>
    public static DockerHost Parse(string text)
    {
        var separator = text.IndexOf("://", StringComparison.Ordinal);
        var scheme = separator < 0 ? "tcp" : text[..separator];
        var rest = separator < 0 ? text : text[(separator + 3)..];
        if (scheme == "unix") return new DockerHost(text, rest == "" ? "/run/wharf/wharf.sock" : rest, "", 0);
        if (scheme == "ssh") return ParseSsh(text);
        if (scheme is not ("tcp" or "http" or "https")) throw new CliException($"invalid bind address format: {text}");
        if (!Uri.TryCreate($"http://{rest}", UriKind.Absolute, out var uri) || uri.Host == "") throw new CliException($"invalid bind address ({text}): no host");
        var port = rest.Contains($":{uri.Port}", StringComparison.Ordinal) ? uri.Port : scheme == "https" ? 2376 : 2375;
        return new DockerHost(separator < 0 ? $"tcp://{uri.Host}:{port}" : text, null, uri.Host.Trim('[', ']'), port)
        {
            IsTls = scheme == "https",
        };
    }

    private static DockerHost ParseSsh(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var uri) || uri.Host == "") throw new CliException($"invalid bind address ({text}): no host");
        if (uri.UserInfo.Contains(':')) throw new CliException($"invalid bind address ({text}): plain-text password is not supported");
        if (uri.AbsolutePath is not ("" or "/")) throw new CliException($"invalid bind address ({text}): extra path after the host");
        // A name that starts with a dash would be an option to ssh (CVE-2017-1000117).
        if (uri.Host.StartsWith('-') || uri.UserInfo.StartsWith('-')) throw new CliException($"invalid bind address ({text}): not a host");
        List<string> target = [];
        if (uri.UserInfo != "") target.AddRange(["-l", Uri.UnescapeDataString(uri.UserInfo)]);
        if (uri.Port > 0) target.AddRange(["-p", uri.Port.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        target.AddRange(["--", uri.DnsSafeHost]);
        return new DockerHost(text, null, uri.Host, 0) { SshTarget = target };
    }
}
