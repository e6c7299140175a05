using System.Globalization;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Images;

/// <summary>One name of an image; an image without a name is one row too.</summary>
internal sealed record ImageRow(ImageSummary Image, string Repository, string Tag, string Digest);

/// <summary>The columns of <c>images</c>.</summary>
internal static class ImageListing
{
    public const string None = "<none>";

    public static Listing<ImageRow> Create(bool truncates, bool showsDigests) => new()
    {
        TypeName = "*formatter.imageContext",
        TableFormat = showsDigests ? "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}" : "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
        QuietFormat = "{{.ID}}",
        RawFormat = "repository: {{ .Repository }}\ntag: {{.Tag}}\n" + (showsDigests ? "digest: {{.Digest}}\n" : "") + "image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n",
        Columns =
        [
            new("ID", "IMAGE ID", row => Text.ShortId(row.Image.Id, truncates)),
            new("Repository", "REPOSITORY", row => row.Repository),
            new("Tag", "TAG", row => row.Tag),
            new("Digest", "DIGEST", row => row.Digest),
            new("CreatedSince", "CREATED", row => Ago.Since(Created(row), DateTimeOffset.UtcNow)),
            new("CreatedAt", "CREATED AT", row => Ago.GoString(Created(row))),
            new("Size", "SIZE", row => Units.TableSize(row.Image.Size ?? 0)),
            new("Containers", "CONTAINERS", row => row.Image.Containers is null or < 0 ? "N/A" : row.Image.Containers.Value.ToString(CultureInfo.InvariantCulture)),
            new("VirtualSize", "SIZE", row => Units.HumanSize(row.Image.Size ?? 0)),
            new("SharedSize", "SHARED SIZE", row => row.Image.SharedSize is null or < 0 ? "N/A" : Units.HumanSize(row.Image.SharedSize.Value)),
            new("UniqueSize", "UNIQUE SIZE", row => row.Image.SharedSize is null or < 0 ? "N/A" : Units.HumanSize((row.Image.Size ?? 0) - row.Image.SharedSize.Value)),
        ],
    };

    private static DateTimeOffset Created(ImageRow row) => DateTimeOffset.FromUnixTimeSeconds(row.Image.Created ?? 0);

    /// <summary>A row for each tag; with digests, for each pair of a tag and a digest of its repository.</summary>
    public static IEnumerable<ImageRow> Rows(ImageSummary image, bool needsDigest)
    {
        var tags = Group(image.RepoTags, reference => (reference.Name, reference.Tag));
        var digests = Group(image.RepoDigests, reference => (reference.Name, reference.Digest));
        if (tags.Count == 0 && digests.Count == 0) return [new ImageRow(image, None, None, None)];
        var rows = new List<ImageRow>();
        foreach (var (repository, names) in tags)
        {
            var known = digests.Remove(repository, out var found) && needsDigest ? found : [None];
            rows.AddRange(known.SelectMany(digest => names.Select(tag => new ImageRow(image, repository, tag, digest))));
        }
        foreach (var (repository, values) in digests)
            rows.AddRange((needsDigest ? values : [None]).Select(digest => new ImageRow(image, repository, None, digest)));
        return rows;
    }

    private static Dictionary<string, List<string>> Group(IEnumerable<string>? references, Func<(string Name, string Tag, string Digest), (string, string)> select)
    {
        var groups = new Dictionary<string, List<string>>();
        foreach (var (name, value) in (references ?? []).Where(text => !text.StartsWith("<none>", StringComparison.Ordinal)).Select(text => select(Reference.Split(text))))
        {
            if (value == "") continue;
            if (!groups.TryGetValue(name, out var list)) groups[name] = list = [];
            list.Add(value);
        }
        return groups;
    }
}
