using System.Formats.Tar;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Shouldly;

namespace Wharf.SystemTests.Build.Corpus;

/// <summary>What two builders must agree on: an image's configuration, history, and every file with its kind, mode, owner, time and contents.</summary>
internal static class ImageDescription
{
    public static HttpClient Client(string socketPath) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = new Uri("http://engine"), Timeout = TimeSpan.FromMinutes(2) };

    /// <param name="below">The image it stands on, to tell only of what is not that; null to tell all.</param>
    public static async Task<JsonObject> OfAsync(HttpClient http, string tag, string? below)
    {
        var image = (await http.GetFromJsonAsync<JsonObject>($"/images/{tag}/json"))!;
        var history = (await http.GetFromJsonAsync<JsonArray>($"/images/{tag}/history"))!;
        var config = new JsonObject();
        foreach (var (key, value) in image["Config"]!.AsObject().OrderBy(pair => pair.Key, StringComparer.Ordinal))
            if (!IsNothing(value)) config[key] = Sorted(value!);
        return new JsonObject
        {
            ["config"] = config, ["author"] = image["Author"]?.DeepClone(), ["layers"] = image["RootFS"]!["Layers"]!.AsArray().Count,
            ["history"] = new JsonArray([.. history.Reverse().Skip(1).Select(entry => (JsonNode)entry!["CreatedBy"]!.GetValue<string>().Replace(below ?? tag, "busybox", StringComparison.Ordinal))]), ["files"] = await FilesAsync(http, tag, below),
        };
    }

    private static bool IsNothing(JsonNode? value) => value is null or JsonArray { Count: 0 } or JsonObject { Count: 0 } || value.ToJsonString() is "\"\"" or "false";

    private static JsonNode Sorted(JsonNode value) => value is JsonObject members
        ? new JsonObject(members.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => KeyValuePair.Create(pair.Key, pair.Value is null ? null : Sorted(pair.Value)))) : value.DeepClone();

    /// <summary>What the image adds to or changes of its base, and what it removed; all it has when there is no base to compare.</summary>
    private static async Task<JsonObject> FilesAsync(HttpClient http, string tag, string? baseImage)
    {
        var (below, here) = (baseImage is null ? [] : await TreeAsync(http, baseImage), await TreeAsync(http, tag));
        var files = new JsonObject();
        foreach (var path in below.Keys.Union(here.Keys).Order(StringComparer.Ordinal))
        {
            var (before, after) = (below.GetValueOrDefault(path), here.GetValueOrDefault(path));
            if (before != after) files[path] = after ?? "removed";
        }
        return files;
    }

    private static async Task<Dictionary<string, string>> TreeAsync(HttpClient http, string image)
    {
        var created = await http.PostAsJsonAsync("/containers/create", new { Image = image, Cmd = new[] { "x" } });
        created.IsSuccessStatusCode.ShouldBeTrue(await created.Content.ReadAsStringAsync());
        var id = (await created.Content.ReadFromJsonAsync<JsonObject>())!["Id"]!.GetValue<string>();
        var tree = new Dictionary<string, string>(StringComparer.Ordinal);
        await using (var export = await http.GetStreamAsync($"/containers/{id}/export"))
        await using (var tar = new TarReader(export))
        {
            while (await tar.GetNextEntryAsync() is { } entry)
            {
                var name = entry.Name.TrimEnd('/');
                // Made by the engine for each container, or by creating it just now.
                if (name.Split('/')[0] is "dev" or "proc" or "sys" or ".dockerenv" || name is "etc" or "etc/hosts" or "etc/hostname" or "etc/resolv.conf" or "etc/mtab" or "") continue;
                tree[name] = Describe(entry);
            }
        }
        await http.DeleteAsync($"/containers/{id}?force=1&v=1");
        return tree;
    }

    private static string Describe(TarEntry entry)
    {
        var time = entry.ModificationTime.ToUnixTimeSeconds() is < 1_700_000_000 and var seconds ? seconds.ToString(System.Globalization.CultureInfo.InvariantCulture) : "now";
        var content = "";
        if (entry.DataStream is { } data)
        {
            using var bytes = new MemoryStream();
            data.CopyTo(bytes);
            content = " " + Convert.ToHexStringLower(SHA256.HashData(bytes.ToArray()))[..16];
        }
        var xattrs = entry is PaxTarEntry pax ? string.Concat(pax.ExtendedAttributes.Where(pair => pair.Key.StartsWith("SCHILY.xattr.", StringComparison.Ordinal)).Select(pair => $" {pair.Key[13..]}={Convert.ToHexStringLower(System.Text.Encoding.UTF8.GetBytes(pair.Value))}")) : "";
        return $"{entry.EntryType} {Convert.ToString((int)entry.Mode, 8)} {entry.Uid}:{entry.Gid} {time}{(entry.LinkName is { Length: > 0 } link ? " -> " + link : "")}{content}{xattrs}";
    }
}
