using System.Net;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Images;

/// <summary>In front of a registry: answers requests for layers only once as many are there as are allowed, and counts how many there are at once.</summary>
internal sealed class CountingFront : IDisposable
{
    private readonly HostileServer _server = new();
    private readonly HttpClient _registry;
    private readonly int _limit;
    private readonly Lock _lock = new();
    private TaskCompletionSource _full = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _now, _arrived;

    public CountingFront(LocalRegistry registry, int limit)
    {
        (_registry, _limit) = (new HttpClient { BaseAddress = new Uri($"http://{registry.Address}") }, limit);
        _server.Otherwise = ForwardAsync;
    }

    public string Address => _server.Address;
    public int Most { get; private set; }
    public int Served { get; private set; }

    /// <summary>Holds and counts the requests for a layer.</summary>
    public void Count(string repository, string digest) => _server.On($"/v2/{repository}/blobs/{digest}", async context =>
    {
        Task full;
        lock (_lock)
        {
            Most = Math.Max(Most, ++_now);
            full = _full.Task;
            if (++_arrived % _limit == 0)
            {
                _full.SetResult();
                _full = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
        await full.WaitAsync(CommandResult.Patience(30));
        lock (_lock)
        {
            _now--;
            Served++;
        }
        await ForwardAsync(context);
    });

    private async Task ForwardAsync(HttpListenerContext context)
    {
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.HttpMethod), context.Request.RawUrl);
        foreach (var type in context.Request.AcceptTypes ?? []) request.Headers.TryAddWithoutValidation("Accept", type);
        using var answer = await _registry.SendAsync(request);
        var body = await answer.Content.ReadAsByteArrayAsync();
        context.Response.StatusCode = (int)answer.StatusCode;
        if (answer.Content.Headers.ContentType is { } type2) context.Response.ContentType = type2.ToString();
        if (answer.Headers.TryGetValues("Docker-Content-Digest", out var digest)) context.Response.Headers["Docker-Content-Digest"] = digest.Single();
        context.Response.ContentLength64 = answer.Content.Headers.ContentLength ?? body.Length;
        if (context.Request.HttpMethod != "HEAD") await context.Response.OutputStream.WriteAsync(body);
        context.Response.Close();
    }

    public void Dispose()
    {
        _server.Dispose();
        _registry.Dispose();
    }
}
