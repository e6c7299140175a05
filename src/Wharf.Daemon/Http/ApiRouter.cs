using Microsoft.AspNetCore.Http;

namespace Wharf.Daemon.Http;

/// <summary>One operation of the Engine API.</summary>
public delegate Task ApiHandler(ApiContext context);

/// <summary>
/// Maps method and path to a handler. Patterns are literal segments and <c>{parameters}</c>; <c>{name*}</c> takes one or more
/// segments and may stand in the middle, since image names hold unescaped slashes (<c>/images/{name*}/json</c>). Literal
/// segments win over parameters. The <c>/v1.NN</c> prefix is taken off before.
/// </summary>
public sealed class ApiRouter
{
    private sealed record Route(string Method, string[] Segments, ApiHandler Handler, int Literals);

    private readonly Dictionary<string, List<Route>> _byFirstSegment = new(StringComparer.Ordinal);

    public void Get(string pattern, ApiHandler handler) => Add("GET", pattern, handler);
    public void Head(string pattern, ApiHandler handler) => Add("HEAD", pattern, handler);
    public void Post(string pattern, ApiHandler handler) => Add("POST", pattern, handler);
    public void Put(string pattern, ApiHandler handler) => Add("PUT", pattern, handler);
    public void Delete(string pattern, ApiHandler handler) => Add("DELETE", pattern, handler);

    /// <summary>Method and pattern of all that is served.</summary>
    public IEnumerable<(string Method, string Pattern)> Operations =>
        _byFirstSegment.OrderBy(static pair => pair.Key, StringComparer.Ordinal).SelectMany(static pair => pair.Value).Select(static route => (route.Method, "/" + string.Join('/', route.Segments)));

    private void Add(string method, string pattern, ApiHandler handler)
    {
        var segments = pattern.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (!_byFirstSegment.TryGetValue(segments[0], out var routes)) _byFirstSegment[segments[0]] = routes = [];
        routes.Add(new Route(method, segments, handler, segments.Count(segment => segment[0] != '{')));
        routes.Sort((a, b) => b.Literals.CompareTo(a.Literals));
    }

    /// <summary>Finds the handler; null when no path matches. <paramref name="methodMismatch"/> tells that another method would.</summary>
    public ApiHandler? Match(string method, ReadOnlySpan<char> path, Dictionary<string, string> parameters, out bool methodMismatch)
    {
        methodMismatch = false;
        if (path.Length > 1 && path[^1] == '/' && path is not "/networks/") return null; // a trailing slash is another path, but for one that docker has twice
        var segments = path.ToString().Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (segments.Length == 0 || !_byFirstSegment.TryGetValue(segments[0], out var routes)) return null;
        foreach (var route in routes)
        {
            if (!Fits(route.Segments, segments, parameters)) continue;
            if (route.Method == method) return route.Handler;
            methodMismatch = true;
        }
        return null;
    }

    private static bool Fits(string[] pattern, string[] segments, Dictionary<string, string> parameters)
    {
        if (segments.Length < pattern.Length) return false;
        parameters.Clear();
        int at = 0;
        for (int i = 0; i < pattern.Length; i++)
        {
            var part = pattern[i];
            if (part[0] != '{')
            {
                if (segments[at++] != part) return false;
                continue;
            }
            bool many = part[^2] == '*';
            int take = many ? segments.Length - at - (pattern.Length - i - 1) : 1;
            parameters[part[1..(many ? ^2 : ^1)]] = Uri.UnescapeDataString(string.Join('/', segments, at, take));
            at += take;
        }
        return at == segments.Length;
    }
}
