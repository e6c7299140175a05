using System.Formats.Tar;
using System.Text.Json.Nodes;
using Shouldly;
using Wharf.SystemTests.Fixtures;
using Xunit;

namespace Wharf.SystemTests.Build;

/// <summary>A layer names each path once, also where several sources of one step come to it: of files the last one counts, and a directory is what the last one made of it.</summary>
public sealed class LayerNamesTests(EngineFixture engine) : IDisposable
{
    private readonly string _context = Directory.CreateTempSubdirectory("wharf-names-").FullName;
    private readonly EngineApi _api = new(engine.SocketPath);

    public void Dispose()
    {
        _api.Dispose();
        Directory.Delete(_context, recursive: true);
    }

    private void Write(string path, string text)
    {
        var file = Path.Combine(_context, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    [Theory]
    [InlineData("COPY a b /q", "q=b")]
    [InlineData("COPY a d3/a b /z/", "z/= z/a=3 z/b=b")]
    [InlineData("COPY d1 d2 /x/", "x/= x/s/=755 x/s/f=2 x/s/g=2")]
    [InlineData("COPY d2 d1 /x/", "x/= x/s/=700 x/s/f=1 x/s/g=2")]
    [InlineData("COPY d*/a d1/s/f /y/", "y/= y/a=3 y/f=1")]
    [InlineData("COPY d1/s d[12]/s /x/", "x/= x/f=2 x/g=2")]
    [InlineData("COPY a <<a /i/\ninline\na", "i/= i/a=inline")]
    [InlineData("COPY --link a b d3/a /l/", "l/= l/a=3 l/b=b")]
    [InlineData("COPY --from=base /one/a /two/a /h/", "h/= h/a=two")]
    [InlineData("COPY --from=base /one /two /h/", "h/= h/a=two h/b=two")]
    public async Task Several_sources_of_one_name_leave_it_once(string step, string expected)
    {
        Write("a", "a");
        Write("b", "b");
        Write("d1/s/f", "1");
        Write("d2/s/f", "2");
        Write("d2/s/g", "2");
        Write("d3/a", "3");
        File.SetUnixFileMode(Path.Combine(_context, "d1/s"), (UnixFileMode)0b111_000_000);
        File.SetUnixFileMode(Path.Combine(_context, "d2/s"), (UnixFileMode)0b111_101_101);
        // Two names of one file, of which one is overwritten: the other must not become a link to what overwrote it.
        Write("Dockerfile", $"FROM busybox AS base\nRUN mkdir /one /two && echo -n one > /one/a && ln /one/a /one/b && echo -n two > /two/a && ln /two/a /two/b\nFROM busybox\n{step}\n");
        (await Buildx.RunAsync(engine, ["build", "--no-cache", "--provenance=false", "-t", "layer-names", _context])).ShouldExit(0);
        string.Join(' ', await LastLayerAsync("layer-names")).ShouldBe(expected);
        (await engine.DockerAsync("rmi", "-f", "layer-names")).ShouldExit(0);
    }

    /// <summary>What the last layer names, in order of names: of a file what it holds, of a directory below the first its mode.</summary>
    private async Task<List<string>> LastLayerAsync(string image)
    {
        var saved = await _api.DownloadAsync($"/images/{image}/get", Path.Combine(_context, "saved.tar"));
        var unpacked = Directory.CreateDirectory(Path.Combine(_context, "saved")).FullName;
        TarFile.ExtractToDirectory(saved, unpacked, overwriteFiles: true);
        var layer = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(unpacked, "manifest.json")))![0]!["Layers"]!.AsArray()[^1]!.GetValue<string>();
        var contents = new Dictionary<string, string>(StringComparer.Ordinal);
        var names = new List<string>();
        await using var file = File.OpenRead(Path.Combine(unpacked, layer));
        await using var tar = new TarReader(file);
        while (await tar.GetNextEntryAsync(copyData: true) is { } entry)
        {
            var name = entry.Name.TrimStart('/');
            var text = entry.EntryType switch
            {
                TarEntryType.Directory => name.Trim('/').Contains('/') ? Convert.ToString((int)entry.Mode, 8) : "",
                TarEntryType.HardLink => contents[entry.LinkName.TrimStart('/')],
                _ => (await new StreamReader(entry.DataStream!).ReadToEndAsync()).TrimEnd('\n'),
            };
            contents[name] = text;
            names.Add($"{name}={text}");
        }
        return [.. names.Order(StringComparer.Ordinal)];
    }
}
