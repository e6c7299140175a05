using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Wharf.Runtime.Logs;

/// <summary>An answer to one of a log driver's requests.</summary>
internal sealed record LogAnswer(int Status, string Text)
{
    public bool IsGood => Status is >= 200 and < 300;
    /// <summary>It may be taken a moment later.</summary>
    public bool IsPassing => Status is 408 or 429 or >= 500;
}

/// <summary>HTTP requests of a log driver, one after another. Failures are <see cref="IOException"/>; what fails for a passing reason is tried again a few times.</summary>
internal sealed class LogHttp : IDisposable
{
    private const int Attempts = 4;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly HttpClient _client;

    /// <param name="authority">PEM file of the authority to trust instead of the system's.</param>
    /// <param name="name">The name the server's certificate has, where it is not the URL's.</param>
    /// <param name="skipVerify">Whether any certificate will do: asked for by the user.</param>
    public LogHttp(string? authority = null, string? name = null, bool skipVerify = false)
    {
        var tls = new SslClientAuthenticationOptions();
        if (name is { Length: > 0 }) tls.TargetHost = name;
        if (skipVerify) tls.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        else if (authority is { Length: > 0 })
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            try { policy.CustomTrustStore.ImportFromPemFile(authority); }
            catch (CryptographicException error) { throw new IOException($"{authority}: {error.Message}", error); }
            tls.CertificateChainPolicy = policy;
        }
        _client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, SslOptions = tls, ConnectTimeout = Timeout }) { Timeout = Timeout };
    }

    /// <summary>Sends a request that is made anew for each attempt, and returns the last answer, whatever it is.</summary>
    public LogAnswer Send(Func<HttpRequestMessage> make, bool retry = true)
    {
        var wait = TimeSpan.FromMilliseconds(500);
        for (int attempt = 1; ; attempt++, wait *= 2)
        {
            bool isLast = !retry || attempt == Attempts;
            try
            {
                var answer = Once(make);
                if (isLast || !answer.IsPassing) return answer;
            }
            catch (IOException) when (!isLast) { /* again, after a while */ }
            Thread.Sleep(wait);
        }
    }

    private LogAnswer Once(Func<HttpRequestMessage> make)
    {
        using var request = make();
        try
        {
            using var response = _client.Send(request);
            using var reader = new StreamReader(response.Content.ReadAsStream());
            var text = new char[4096];
            return new LogAnswer((int)response.StatusCode, new string(text, 0, reader.ReadBlock(text)));
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException or IOException or SocketException)
        {
            throw new IOException($"{request.Method} {request.RequestUri?.GetLeftPart(UriPartial.Path)}: {Reason(error)}", error);
        }
    }

    // The framework's own texts are not in the binary.
    private static string Reason(Exception error) => error switch
    {
        OperationCanceledException => "i/o timeout",
        { InnerException: SocketException socket } => LogConnection.Reason(socket),
        HttpRequestException http => http.HttpRequestError.ToString(),
        _ => error.Message,
    };

    public static HttpContent Json(ReadOnlyMemory<byte> body, string type = "application/json") => new ReadOnlyMemoryContent(body) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };

    public void Dispose() => _client.Dispose();
}
