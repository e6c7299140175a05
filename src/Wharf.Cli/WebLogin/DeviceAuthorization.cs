using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Wharf.Cli.ApiClient;
using Wharf.Cli.CommandLine;

namespace Wharf.Cli.WebLogin;

/// <summary>
/// The device authorization grant (RFC 8628): the user confirms a code in a browser anywhere, while the command line asks for the tokens. What goes out goes to the two
/// addresses of the service and nowhere else: a redirect is an error.
/// </summary>
internal sealed class DeviceAuthorization(LoginService service) : IDisposable
{
    private const int LargestAnswer = 1 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan LongestLife = TimeSpan.FromHours(1);
    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = !service.Tenant.IsLoopback, ConnectTimeout = TimeSpan.FromSeconds(15) }) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>How it waits between two requests; a test's clock runs faster.</summary>
    public Func<TimeSpan, CancellationToken, Task> WaitAsync { get; init; } = Task.Delay;

    /// <summary>A code for the user and one for us.</summary>
    public async Task<DeviceCode> BeginAsync(CancellationToken cancellationToken)
    {
        var (status, bytes) = await PostFormAsync("oauth/device/code", new() { ["client_id"] = LoginService.ClientId, ["audience"] = service.Hub.AbsoluteUri.TrimEnd('/'), ["scope"] = "openid offline_access" }, cancellationToken);
        if (status != HttpStatusCode.OK) throw Refused(status, bytes);
        var code = Parse(bytes, AnswersJson.Default.DeviceCode);
        // Both are shown on a terminal, and the address is given to a program.
        if (code is not { Device.Length: > 0, User.Length: > 0 and <= 64, ExpiresIn: > 0 } || !code.User.All(static c => c is > ' ' and <= '~')) throw new CliException("the login service's answer has no code");
        if (!Uri.TryCreate(code.Place, UriKind.Absolute, out var place) || !LoginService.IsSafe(place)) throw new CliException("the login service's answer has no address to go to");
        return code;
    }

    /// <summary>Asks as often as the service wants it until the user has confirmed or refused, or the code is too old.</summary>
    public async Task<TokenAnswer> TokensAsync(DeviceCode code, CancellationToken cancellationToken)
    {
        var interval = TimeSpan.FromSeconds(Math.Clamp(code.Interval ?? 5, 1, 300));
        var life = TimeSpan.FromSeconds(code.ExpiresIn) is var told && told < LongestLife ? told : LongestLife;
        using var end = new CancellationTokenSource(life);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(end.Token, cancellationToken);
        var form = new Dictionary<string, string> { ["client_id"] = LoginService.ClientId, ["grant_type"] = "urn:ietf:params:oauth:grant-type:device_code", ["device_code"] = code.Device! };
        try
        {
            while (true)
            {
                await WaitAsync(interval, either.Token);
                if (await TryTokensAsync(form, either.Token) is not { } answer)
                {
                    // Section 3.5: who gets no answer asks less often.
                    interval *= 2;
                    continue;
                }
                switch (answer.Error)
                {
                    case null when answer is { AccessToken.Length: > 0, RefreshToken.Length: > 0 }: return answer;
                    case null: throw new CliException("the login service's answer has no tokens");
                    case "authorization_pending": break;
                    case "slow_down": interval += TimeSpan.FromSeconds(5); break;
                    case "expired_token": throw TooLate();
                    default: throw new CliException(Describe(answer));
                }
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw TooLate();
        }
    }

    private static CliException TooLate() => new("timed out waiting for device token: the code has expired");

    /// <summary>Null when no answer came in time.</summary>
    private async Task<TokenAnswer?> TryTokensAsync(Dictionary<string, string> form, CancellationToken cancellationToken)
    {
        try
        {
            var (status, bytes) = await PostFormAsync("oauth/token", form, cancellationToken);
            // One that is pending is answered 400 by the standard and 403 by Docker Hub.
            if ((int)status is >= 300 and < 400 or >= 500) throw Refused(status, bytes);
            return Parse(bytes, AnswersJson.Default.TokenAnswer);
        }
        catch (NoAnswerException)
        {
            return null;
        }
    }

    /// <summary>From here on a refresh token makes no more tokens (RFC 7009).</summary>
    public async Task RevokeAsync(string refreshToken, string clientId, CancellationToken cancellationToken)
    {
        var (status, bytes) = await PostFormAsync("oauth/revoke", new() { ["client_id"] = clientId, ["token"] = refreshToken }, cancellationToken);
        if (status != HttpStatusCode.OK) throw Refused(status, bytes);
    }

    /// <summary>A personal access token, which registries take for a password, unlike the service's own tokens.</summary>
    public async Task<string> PersonalTokenAsync(string accessToken, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(service.Hub, "/v2/access-tokens/desktop-generate")) { Content = new ByteArrayContent([]) { Headers = { ContentType = new("application/json") } } };
        request.Headers.Authorization = new("Bearer", accessToken);
        var (status, bytes) = await SendAsync(request, cancellationToken);
        if (status != HttpStatusCode.Created) throw new CliException($"unexpected response from Hub: {(int)status}");
        return Parse(bytes, AnswersJson.Default.PersonalTokenAnswer).Data?.Token is { Length: > 0 } token ? token : throw new CliException("Docker Hub's answer has no access token");
    }

    private async Task<(HttpStatusCode Status, byte[] Bytes)> PostFormAsync(string path, Dictionary<string, string> form, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(service.Tenant, "/" + path)) { Content = new FormUrlEncodedContent(form) };
        return await SendAsync(request, cancellationToken);
    }

    private async Task<(HttpStatusCode Status, byte[] Bytes)> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.Headers.UserAgent.ParseAdd(CliContext.UserAgent);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
            return (response.StatusCode, await BoundedBody.ReadAsync(response, LargestAnswer, "the login service's answer", patience.Token));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new NoAnswerException($"{request.RequestUri!.Authority} does not answer");
        }
        catch (HttpRequestException e)
        {
            throw new CliException($"{request.RequestUri!.Authority}: {e.Message}", 1, e);
        }
    }

    private sealed class NoAnswerException(string message) : CliException(message);

    private static T Parse<T>(byte[] bytes, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.Deserialize(bytes, type) ?? throw new CliException("the login service's answer is empty");
        }
        catch (JsonException e)
        {
            throw new CliException("the login service's answer is not the JSON it should be", 1, e);
        }
    }

    private static CliException Refused(HttpStatusCode status, byte[] bytes)
    {
        var text = $"the login service answers {(int)status}";
        try
        {
            return new CliException(JsonSerializer.Deserialize(bytes, AnswersJson.Default.TokenAnswer) is { Error: not null } answer ? $"{text}: {Describe(answer)}" : text);
        }
        catch (JsonException e)
        {
            return new CliException(text, 1, e);
        }
    }

    /// <summary>The service's words, as far as a terminal may show them.</summary>
    private static string Describe(TokenAnswer answer)
    {
        var text = answer.Description is { Length: > 0 } words ? words : answer.Error!;
        return string.Concat(text.Take(300).Where(static c => !char.IsControl(c)));
    }

    public void Dispose() => http.Dispose();
}
