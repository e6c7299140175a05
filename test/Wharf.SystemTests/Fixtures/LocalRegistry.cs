using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

namespace Wharf.SystemTests.Fixtures;

/// <summary>How a registry wants to be spoken to.</summary>
public enum RegistryKind { Open, Password, Token, Tls, ClientCertificate }

/// <summary>Debian's docker-registry on a free port of 127.0.0.1, with its own directory. User <c>alice</c>, password <c>secret</c>.</summary>
public sealed class LocalRegistry : IAsyncDisposable
{
    private readonly Process _process;
    private readonly TokenService? _tokens;

    private LocalRegistry(Process process, int port, string root, TokenService? tokens) => (_process, Port, Root, _tokens) = (process, port, root, tokens);

    public int Port { get; }
    public string Root { get; }
    public string Address => $"127.0.0.1:{Port}";
    /// <summary>What the token service was asked for, <c>METHOD scope</c>.</summary>
    public IReadOnlyList<string> TokenRequests => _tokens?.Requests ?? [];
    /// <summary>Directory laid out as certs.d wants it for this registry.</summary>
    public string CertificatesDirectory => Path.Combine(Root, "certs.d");
    public const string Credentials = """{"username":"alice","password":"secret"}""";

    public static async Task<LocalRegistry> StartAsync(RegistryKind kind = RegistryKind.Open, string host = "127.0.0.1")
    {
        var root = Directory.CreateTempSubdirectory("wharf-registry-").FullName;
        int port = FreePort();
        TokenService? tokens = null;
        var config = new StringBuilder($"""
            version: 0.1
            log: {"{"}level: error{"}"}
            storage: {"{"}filesystem: {"{"}rootdirectory: {root}/data{"}"}, delete: {"{"}enabled: true{"}"}{"}"}
            http:
              addr: "127.0.0.1:{port}"

            """);
        if (kind is RegistryKind.Tls or RegistryKind.ClientCertificate)
        {
            TestCertificates.Write(root, $"{host}:{port}");
            config.Append($"  tls: {{certificate: {root}/server.pem, key: {root}/server.key{(kind == RegistryKind.ClientCertificate ? $", clientcas: [{root}/ca.pem]" : "")}}}\n");
        }
        if (kind == RegistryKind.Password)
        {
            await File.WriteAllTextAsync(Path.Combine(root, "htpasswd"), (await CommandResult.RunAsync("htpasswd", ["-Bbn", "alice", "secret"])).ShouldExit(0).Out);
            config.Append($"auth: {{htpasswd: {{realm: test, path: {root}/htpasswd}}}}\n");
        }
        if (kind == RegistryKind.Token)
        {
            tokens = new TokenService(FreePort(), root);
            config.Append($"auth: {{token: {{realm: \"{tokens.Realm}\", service: test, issuer: wharf-tests, rootcertbundle: {root}/token.pem}}}}\n");
        }
        await File.WriteAllTextAsync(Path.Combine(root, "config.yml"), config.ToString());
        var process = Process.Start(new ProcessStartInfo("docker-registry", ["serve", Path.Combine(root, "config.yml")]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        _ = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.ReadToEndAsync();
        for (int i = 0; ; i++)
        {
            using var probe = new TcpClient();
            try { await probe.ConnectAsync("127.0.0.1", port); break; }
            catch (SocketException) when (i < 200 && !process.HasExited) { await Task.Delay(50); }
        }
        return new LocalRegistry(process, port, root, tokens);
    }

    /// <summary>A port that nobody listens on at the moment.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _tokens?.Dispose();
        Directory.Delete(Root, recursive: true);
    }
}

/// <summary>A CA, a server's certificate for 127.0.0.1 and a client's, as files.</summary>
internal static class TestCertificates
{
    public static void Write(string root, string host)
    {
        using var caKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var caRequest = new CertificateRequest("CN=Wharf test CA", caKey, HashAlgorithmName.SHA256);
        caRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        caRequest.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        var (from, until) = (DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(2));
        using var ca = caRequest.CreateSelfSigned(from, until);
        Save(Path.Combine(root, "ca"), ca, null);
        Issue(ca, "server", root, from, until);
        Issue(ca, "client", root, from, until);
        var directory = Directory.CreateDirectory(Path.Combine(root, "certs.d", host)).FullName;
        File.Copy(Path.Combine(root, "ca.pem"), Path.Combine(directory, "ca.crt"));
        File.Copy(Path.Combine(root, "client.pem"), Path.Combine(directory, "client.cert"));
        File.Copy(Path.Combine(root, "client.key"), Path.Combine(directory, "client.key"));
    }

    private static void Issue(X509Certificate2 ca, string name, string root, DateTimeOffset from, DateTimeOffset until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("registry.test");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1"), new Oid("1.3.6.1.5.5.7.3.2")], false));
        using var certificate = request.Create(ca, from, until, RandomNumberGenerator.GetBytes(8));
        Save(Path.Combine(root, name), certificate, key);
    }

    private static void Save(string path, X509Certificate2 certificate, ECDsa? key)
    {
        File.WriteAllText(path + ".pem", certificate.ExportCertificatePem() + "\n");
        if (key is not null) File.WriteAllText(path + ".key", key.ExportPkcs8PrivateKeyPem() + "\n");
    }
}

/// <summary>A token service as the distribution project specifies it: GET with a password, POST with a refresh token.</summary>
internal sealed class TokenService : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly RSA _key = RSA.Create(2048);
    private readonly X509Certificate2 _certificate;
    private readonly List<string> _requests = [];

    public TokenService(int port, string root)
    {
        Realm = $"http://127.0.0.1:{port}/token";
        _certificate = new CertificateRequest("CN=wharf-tests", _key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(Path.Combine(root, "token.pem"), _certificate.ExportCertificatePem() + "\n");
        _listener.Prefixes.Add($"http://127.0.0.1:{port}/");
        _listener.Start();
        _ = ServeAsync();
    }

    public string Realm { get; }
    public IReadOnlyList<string> Requests { get { lock (_requests) return [.. _requests]; } }

    private async Task ServeAsync()
    {
        while (_listener.IsListening)
        {
            HttpListenerContext context;
            try { context = await _listener.GetContextAsync(); }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException) { return; }
            try { await AnswerAsync(context); }
            catch (HttpListenerException) { /* the client is gone */ }
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        var scopes = context.Request.QueryString.GetValues("scope") ?? [];
        bool isKnown = context.Request.Headers["Authorization"] == "Basic " + Convert.ToBase64String("alice:secret"u8);
        if (context.Request.HttpMethod == "POST")
        {
            using var reader = new StreamReader(context.Request.InputStream);
            var form = System.Web.HttpUtility.ParseQueryString(await reader.ReadToEndAsync());
            isKnown = form["grant_type"] == "refresh_token" && form["refresh_token"] == "refresh-of-alice";
            scopes = (form["scope"] ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        }
        lock (_requests) _requests.Add($"{context.Request.HttpMethod} {string.Join(' ', scopes)}");
        // Everybody may pull what is public, alice may do all; a wrong password is refused.
        if (!isKnown && context.Request.Headers["Authorization"] is not null)
        {
            await WriteAsync(context, 401, """{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}""");
            return;
        }
        var access = scopes.Select(scope => scope.Split(':')).Where(parts => parts.Length == 3)
            .Select(parts => new { type = parts[0], name = parts[1], actions = parts[2].Split(',').Where(action => isKnown || (action == "pull" && parts[1].StartsWith("public/", StringComparison.Ordinal))).ToArray() }).ToArray();
        await WriteAsync(context, 200, JsonSerializer.Serialize(new { token = Jwt(access), access_token = Jwt(access), expires_in = 300, refresh_token = isKnown ? "refresh-of-alice" : null }));
    }

    private static async Task WriteAsync(HttpListenerContext context, int status, string json)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(json));
        context.Response.Close();
    }

    private string Jwt(object access)
    {
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var head = Part(new { typ = "JWT", alg = "RS256", x5c = new[] { Convert.ToBase64String(_certificate.RawData) } });
        var body = Part(new { iss = "wharf-tests", aud = "test", sub = "alice", nbf = now - 10, iat = now, exp = now + 300, jti = Guid.NewGuid().ToString(), access });
        return $"{head}.{body}.{Url(_key.SignData(Encoding.ASCII.GetBytes($"{head}.{body}"), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
    }

    private static string Part(object value) => Url(JsonSerializer.SerializeToUtf8Bytes(value));
    private static string Url(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    public void Dispose()
    {
        _listener.Close();
        _certificate.Dispose();
        _key.Dispose();
    }
}
