using System.Collections.Concurrent;
using Wharf.Daemon.Registry.Http;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>Makes guessing passwords slow: an address with too many failures in a window has to wait until the window is over.</summary>
internal sealed class LoginLimiter(int maxFailures, TimeSpan window, TimeProvider time)
{
    private const int MaxAddresses = 100_000;
    private readonly ConcurrentDictionary<string, (int Failures, DateTimeOffset Until)> _failures = new(StringComparer.Ordinal);

    /// <summary>Throws TOOMANYREQUESTS when the address has to wait.</summary>
    public void Check(string address)
    {
        if (!_failures.TryGetValue(address, out var entry) || entry.Failures < maxFailures) return;
        var wait = entry.Until - time.GetUtcNow();
        if (wait > TimeSpan.Zero) throw new RegistryException(RegistryErrorCode.TooManyRequests, "too many failed logins").With("Retry-After", ((int)Math.Ceiling(wait.TotalSeconds)).ToString(System.Globalization.CultureInfo.InvariantCulture));
        _failures.TryRemove(address, out _);
    }

    public void Failed(string address)
    {
        var now = time.GetUtcNow();
        if (_failures.Count > MaxAddresses)
            foreach (var (key, entry) in _failures) if (entry.Until < now) _failures.TryRemove(key, out _);
        _failures.AddOrUpdate(address, _ => (1, now + window), (_, entry) => entry.Until < now ? (1, now + window) : (entry.Failures + 1, entry.Until));
    }

    public void Succeeded(string address) => _failures.TryRemove(address, out _);
}
