using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>Users of an htpasswd file. The file is read again when it changes. A password that was right is remembered, hashed with a key of this process, since clients send it with each request.</summary>
internal sealed class Htpasswd
{
    private static readonly TimeSpan Remember = TimeSpan.FromMinutes(5);
    private const int MaxRemembered = 10_000;
    /// <summary>A bcrypt hash of nobody's password: unknown users take as long as known ones.</summary>
    private const string Decoy = "$2y$05$abcdefghijklmnopqrstuuJ9w0iQ8p1ZLr7Q1bO0k0eT5mRkq5Lr2";

    private readonly string _path;
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly ConcurrentDictionary<string, DateTimeOffset> _right = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _work = new(Math.Max(1, Environment.ProcessorCount / 2));
    private readonly Lock _lock = new();
    private Dictionary<string, string> _users = [];
    private DateTime _read;
    private long _checked;

    public Htpasswd(string path)
    {
        _path = path;
        Read();
    }

    public async Task<bool> VerifyAsync(string user, string password, CancellationToken cancellation)
    {
        Refresh();
        bool isKnown = _users.TryGetValue(user, out var hash);
        var proof = Convert.ToHexString(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{user.Length}:{user}{password.Length}:{password}{hash}")));
        if (isKnown && _right.TryGetValue(proof, out var until) && until > DateTimeOffset.UtcNow) return true;
        await _work.WaitAsync(cancellation);
        try
        {
            if (!await Task.Run(() => PasswordHash.Verify(password, hash ?? Decoy), CancellationToken.None) || !isKnown) return false;
        }
        finally { _work.Release(); }
        if (_right.Count >= MaxRemembered) _right.Clear();
        _right[proof] = DateTimeOffset.UtcNow + Remember;
        return true;
    }

    public bool Has(string user)
    {
        Refresh();
        return _users.ContainsKey(user);
    }

    private void Refresh()
    {
        long now = Environment.TickCount64;
        if (now - Interlocked.Read(ref _checked) < 1000) return;
        Interlocked.Exchange(ref _checked, now);
        if (File.Exists(_path) && File.GetLastWriteTimeUtc(_path) != _read) Read();
    }

    private void Read()
    {
        lock (_lock)
        {
            try
            {
                var time = File.GetLastWriteTimeUtc(_path);
                var users = new Dictionary<string, string>(StringComparer.Ordinal);
                foreach (var line in File.ReadLines(_path).Select(line => line.Trim()))
                {
                    int colon = line.IndexOf(':');
                    if (line.StartsWith('#') || colon <= 0) continue;
                    if (!PasswordHash.IsSupported(line[(colon + 1)..])) throw WharfException.Invalid($"{_path}: the password of {line[..colon]} is neither bcrypt (htpasswd -B) nor a crypt(5) hash from SHA-256 on");
                    users[line[..colon]] = line[(colon + 1)..];
                }
                (_users, _read) = (users, time);
            }
            catch (IOException error) { throw WharfException.Invalid($"htpasswd file {_path}: {error.Message}", error); }
        }
    }
}
