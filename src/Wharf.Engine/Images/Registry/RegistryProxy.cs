using System.Net;

namespace Wharf.Engine.Images.Registry;

/// <summary>Which proxy a URL goes through, by docker's and Go's rules: loopback never, NO_PROXY by name, suffix, address and network.</summary>
internal sealed class RegistryProxy : IWebProxy
{
    private readonly Uri? _http, _https;
    private readonly List<string> _none;

    public RegistryProxy(string? http, string? https, string? none)
    {
        (_http, _https) = (Parse(http), Parse(https));
        _none = [.. (none ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
    }

    /// <summary>The daemon's own settings before the environment's.</summary>
    public static RegistryProxy From(DaemonOptions options) => new(options.HttpProxy ?? Variable("HTTP_PROXY"), options.HttpsProxy ?? Variable("HTTPS_PROXY"), options.NoProxy ?? Variable("NO_PROXY"));

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) ?? Environment.GetEnvironmentVariable(name.ToLowerInvariant());

    private static Uri? Parse(string? text) => string.IsNullOrEmpty(text) ? null : Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text, UriKind.Absolute, out var url) ? url : null;

    public ICredentials? Credentials
    {
        get
        {
            var user = (_https ?? _http)?.UserInfo.Split(':', 2);
            return user is [var name, var password] ? new NetworkCredential(Uri.UnescapeDataString(name), Uri.UnescapeDataString(password)) : null;
        }
        set => throw new NotSupportedException();
    }

    public Uri? GetProxy(Uri destination) => IsBypassed(destination) ? null : destination.Scheme == "https" ? _https : _http;

    public bool IsBypassed(Uri host)
    {
        if ((host.Scheme == "https" ? _https : _http) is null) return true;
        var name = host.Host.Trim('[', ']');
        bool isAddress = IPAddress.TryParse(name, out var address);
        if (name == "localhost" || (isAddress && IPAddress.IsLoopback(address!))) return true;
        return _none.Exists(entry => Matches(entry, host, name, address));
    }

    private static bool Matches(string entry, Uri host, string name, IPAddress? address)
    {
        if (entry == "*") return true;
        if (entry.LastIndexOf(':') is > 0 and var colon && !entry.Contains('/') && entry.IndexOf(':') == colon)
        {
            if (entry[(colon + 1)..] != host.Port.ToString(System.Globalization.CultureInfo.InvariantCulture)) return false;
            entry = entry[..colon];
        }
        if (address is not null) return entry.Contains('/') ? IPNetwork.TryParse(entry, out var network) && network.Contains(address) : IPAddress.TryParse(entry, out var one) && one.Equals(address);
        entry = entry.TrimStart('*');
        return entry.StartsWith('.') ? name.EndsWith(entry, StringComparison.OrdinalIgnoreCase)
            : name.Equals(entry, StringComparison.OrdinalIgnoreCase) || name.EndsWith("." + entry, StringComparison.OrdinalIgnoreCase);
    }
}
