using System.Collections.Concurrent;
using System.Formats.Asn1;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Wharf.Daemon.Registry.Config;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>Passwords that an LDAP server checks, by binding as the user (RFC 4511). One that was right is remembered for a while, hashed with a key of this process.</summary>
internal sealed class Ldap
{
    private const int Version = 3, Success = 0, MaxMessage = 64 << 10, MaxRemembered = 10_000;
    private const string StartTlsRequest = "1.3.6.1.4.1.1466.20037";
    private static readonly TimeSpan Remember = TimeSpan.FromMinutes(5), Patience = TimeSpan.FromSeconds(10);
    private static readonly Asn1Tag BindRequest = new(TagClass.Application, 0, true), BindResponse = new(TagClass.Application, 1, true), ExtendedRequest = new(TagClass.Application, 23, true), ExtendedResponse = new(TagClass.Application, 24, true);

    private readonly LdapConfig _config;
    private readonly string _host;
    private readonly int _port;
    private readonly bool _tls;
    private readonly X509Certificate2Collection? _authorities;
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly ConcurrentDictionary<string, DateTimeOffset> _right = new(StringComparer.Ordinal);

    public Ldap(LdapConfig config)
    {
        if (!Uri.TryCreate(config.Url, UriKind.Absolute, out var url) || url.Scheme is not ("ldap" or "ldaps")) throw WharfException.Invalid($"auth.ldap.url: \"{config.Url}\" is no ldap or ldaps URL");
        if (!config.BindDn.Contains("{user}", StringComparison.Ordinal)) throw WharfException.Invalid("auth.ldap.bind-dn: {user} is missing in it");
        if (url.Scheme == "ldap" && !config.StartTls && !url.IsLoopback) throw WharfException.Invalid("auth.ldap.url: passwords go over ldaps or with start-tls, unless the server is this machine");
        (_config, _host, _tls) = (config, url.Host, url.Scheme == "ldaps");
        _port = url.Port > 0 ? url.Port : _tls ? 636 : 389;
        if (config.Ca is not { } path) return;
        _authorities = [];
        _authorities.ImportFromPemFile(path);
    }

    public async Task<bool> VerifyAsync(string user, string password, CancellationToken cancellation)
    {
        // RFC 4513 section 5.1.2: a bind without a password succeeds for anybody.
        if (user.Length is 0 or > 256 || password.Length is 0 or > 1024) return false;
        var proof = Convert.ToHexString(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{user.Length}:{user}{password}")));
        if (_right.TryGetValue(proof, out var until) && until > DateTimeOffset.UtcNow) return true;
        if (!await BindAsync(_config.BindDn.Replace("{user}", Escape(user), StringComparison.Ordinal), password, cancellation)) return false;
        if (_right.Count >= MaxRemembered) _right.Clear();
        _right[proof] = DateTimeOffset.UtcNow + Remember;
        return true;
    }

    private async Task<bool> BindAsync(string dn, string password, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(Patience);
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(_host, _port, patience.Token);
            Stream stream = client.GetStream();
            if (!_tls && _config.StartTls && await AskAsync(stream, 1, Extended(), ExtendedResponse, patience.Token) != Success) throw new IOException("the server refuses StartTLS");
            if (_tls || _config.StartTls) stream = await SecureAsync(stream, patience.Token);
            await using (stream) return await AskAsync(stream, 2, Bind(dn, password), BindResponse, patience.Token) == Success;
        }
        catch (Exception error) when (!cancellation.IsCancellationRequested && error is IOException or SocketException or AsnContentException or System.Security.Authentication.AuthenticationException or OperationCanceledException)
        {
            throw WharfException.Unavailable($"the LDAP server {_host}:{_port} does not answer: {error.Message}", error);
        }
    }

    private async Task<Stream> SecureAsync(Stream stream, CancellationToken cancellation)
    {
        var secure = new SslStream(stream);
        var options = new SslClientAuthenticationOptions { TargetHost = _host };
        if (_authorities is not null)
        {
            options.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            options.CertificateChainPolicy.CustomTrustStore.AddRange(_authorities);
        }
        await secure.AuthenticateAsClientAsync(options, cancellation);
        return secure;
    }

    private static Action<AsnWriter> Bind(string dn, string password) => writer =>
    {
        using var _ = writer.PushSequence(BindRequest);
        writer.WriteInteger(Version);
        writer.WriteOctetString(Encoding.UTF8.GetBytes(dn));
        writer.WriteOctetString(Encoding.UTF8.GetBytes(password), new Asn1Tag(TagClass.ContextSpecific, 0));
    };

    private static Action<AsnWriter> Extended() => static writer =>
    {
        using var _ = writer.PushSequence(ExtendedRequest);
        writer.WriteOctetString(Encoding.ASCII.GetBytes(StartTlsRequest), new Asn1Tag(TagClass.ContextSpecific, 0));
    };

    /// <summary>Sends a request and gives the result code of its response.</summary>
    private static async Task<int> AskAsync(Stream stream, int id, Action<AsnWriter> operation, Asn1Tag expected, CancellationToken cancellation)
    {
        var writer = new AsnWriter(AsnEncodingRules.BER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(id);
            operation(writer);
        }
        await stream.WriteAsync(writer.Encode(), cancellation);
        var message = new AsnReader(await ReadAsync(stream, cancellation), AsnEncodingRules.BER).ReadSequence();
        if (!message.TryReadInt32(out int answered) || answered != id) throw new IOException("an answer to another question");
        var code = message.ReadSequence(expected).ReadEnumeratedBytes().Span;
        return code.Length == 1 ? code[0] : throw new IOException("no result code");
    }

    /// <summary>One message: an identifier of a byte, a length of up to five, and so many bytes.</summary>
    private static async Task<byte[]> ReadAsync(Stream stream, CancellationToken cancellation)
    {
        var head = new byte[2];
        await stream.ReadExactlyAsync(head, cancellation);
        byte[] more = [];
        int length = head[1];
        if (length >= 0x80)
        {
            if (length is 0x80 or > 0x84) throw new IOException("no LDAP message");
            more = new byte[length - 0x80];
            await stream.ReadExactlyAsync(more, cancellation);
            length = more.Aggregate(0, static (sum, octet) => sum << 8 | octet);
        }
        if (length is < 0 or > MaxMessage) throw new IOException("an LDAP message that is too long");
        var message = new byte[2 + more.Length + length];
        head.CopyTo(message, 0);
        more.CopyTo(message, 2);
        await stream.ReadExactlyAsync(message.AsMemory(2 + more.Length), cancellation);
        return message;
    }

    /// <summary>RFC 4514 section 2.4: nothing in a user's name ends the value it stands in.</summary>
    private static string Escape(string value)
    {
        var text = new StringBuilder();
        foreach (var letter in value)
        {
            if (letter < ' ' || letter is '"' or '+' or ',' or ';' or '<' or '>' or '\\' or '=' or '#' or ' ') text.Append('\\').Append(((int)letter).ToString("x2", System.Globalization.CultureInfo.InvariantCulture));
            else text.Append(letter);
        }
        return text.ToString();
    }
}
