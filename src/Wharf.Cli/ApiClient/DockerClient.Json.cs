using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Wharf.Cli.ApiClient;

// The common forms of request: JSON in, JSON out.
internal sealed partial class DockerClient
{
    private static readonly KeyValuePair<string, string> JsonContent = new("Content-Type", "application/json");

    public async Task<byte[]> GetBytesAsync(string path, CancellationToken cancellationToken)
    {
        await using var response = await SendAsync(new ApiRequest("GET", path), cancellationToken);
        return await response.ReadAllAsync(cancellationToken);
    }

    public async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken) => Read(await GetBytesAsync(path, cancellationToken), type);

    public async Task<JsonElement> GetElementAsync(string path, CancellationToken cancellationToken)
    {
        using var document = JsonDocument.Parse(await GetBytesAsync(path, cancellationToken));
        return document.RootElement.Clone();
    }

    public async Task<byte[]> PostAsync(string path, CancellationToken cancellationToken)
    {
        await using var response = await SendAsync(new ApiRequest("POST", path), cancellationToken);
        return await response.ReadAllAsync(cancellationToken);
    }

    public async Task<T> PostAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken) => Read(await PostAsync(path, cancellationToken), type);

    public async Task<byte[]> PostAsync<TBody>(string path, TBody body, JsonTypeInfo<TBody> bodyType, CancellationToken cancellationToken)
    {
        await using var response = await SendAsync(new ApiRequest("POST", path) { Body = JsonSerializer.SerializeToUtf8Bytes(body, bodyType), Headers = [JsonContent] }, cancellationToken);
        return await response.ReadAllAsync(cancellationToken);
    }

    public async Task<T> PostAsync<TBody, T>(string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        => Read(await PostAsync(path, body, bodyType, cancellationToken), type);

    public async Task<byte[]> DeleteAsync(string path, CancellationToken cancellationToken)
    {
        await using var response = await SendAsync(new ApiRequest("DELETE", path), cancellationToken);
        return await response.ReadAllAsync(cancellationToken);
    }

    public static T Read<T>(byte[] bytes, JsonTypeInfo<T> type)
        => JsonSerializer.Deserialize(bytes, type) ?? throw new IOException("the daemon sent null where an object was expected");
}
