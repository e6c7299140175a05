using System.Text;
using Wharf.Cli.Output;
using Wharf.Specs.DockerApi;

namespace Wharf.Cli.Commands.Images;

/// <summary><c>images --tree</c>: each image with all its names, and below it what it holds for which platform. As docker's, with color on terminals.</summary>
internal sealed class ImageTree
{
    private const string Warning = "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";
    private const string Reset = "\e[0m", Title = "\e[39m\e[1m", Name = "\e[34m\e[1m", Plain = "\e[39m";
    private const int Gap = 3;
    // Titles and the least width of the columns after the names; the second and third hold numbers.
    private static readonly (string Title, int Width, bool Right)[] Columns = [("ID", 12, false), ("DISK USAGE", 10, true), ("CONTENT SIZE", 12, true), ("EXTRA", 5, false)];

    private readonly StringBuilder text = new();
    private readonly bool isTerminal;
    private readonly int width;

    private ImageTree(int? terminalWidth) => (isTerminal, width) = (terminalWidth is not null, terminalWidth ?? 80);

    /// <param name="terminalWidth">Columns of the terminal; null when the output is none.</param>
    public static string Render(IEnumerable<ImageSummary> images, int? terminalWidth)
    {
        var tree = new ImageTree(terminalWidth);
        tree.Write([.. images.Select(image => new Entry(image))]);
        return tree.text.ToString();
    }

    /// <summary>A line's cells, and whether containers use what it names.</summary>
    private sealed record Row(string Id, long Total, long Content, bool InUse)
    {
        public string[] Cells(string chip) => [Id, Units.TableSize(Total), Units.TableSize(Content), InUse ? chip : ""];
    }

    private sealed class Entry
    {
        public Entry(ImageSummary image)
        {
            var manifests = (image.Manifests ?? []).Where(manifest => manifest.Kind == "image").ToList();
            Names = image.RepoTags is { Count: > 0 } tags && tags[0] != "<none>:<none>" ? tags : ["<untagged>"];
            Children = [.. manifests.Select(manifest => (PlatformOf(manifest), new Row(Text.ShortId(manifest.ID, truncates: true), manifest.Size?.Total ?? 0, manifest.Size?.Content ?? 0, manifest.ImageData?.Containers is { Count: > 0 })))];
            Top = new Row(Text.ShortId(image.Id, truncates: true), Children.Count == 0 ? image.Size ?? 0 : Children.Sum(child => child.Row.Total), Children.Sum(child => child.Row.Content),
                image.Containers > 0 || Children.Exists(child => child.Row.InUse));
        }

        public List<string> Names { get; }
        public Row Top { get; }
        public List<(string Name, Row Row)> Children { get; }

        private static string PlatformOf(ImageManifestSummary manifest) =>
            manifest.ImageData?.Platform is { } platform ? string.Join('/', new[] { platform.Os, platform.Architecture, platform.Variant }.Where(part => !string.IsNullOrEmpty(part))) : "";
    }

    private void Write(List<Entry> entries)
    {
        text.Append(isTerminal ? $"\e[93m{Warning}{Reset}" : Warning).Append('\n');
        Legend();
        int names = Math.Max("IMAGE".Length, entries.SelectMany(entry => entry.Names.Select(name => name.Length).Concat(entry.Children.Select(child => child.Name.Length + Gap))).DefaultIfEmpty(0).Max());
        // A narrow terminal loses columns from the right.
        int shown = Columns.Length;
        while (shown > 1 && names + Columns.Take(shown).Sum(column => Gap + column.Width) > width) shown--;
        Cell("IMAGE", names, right: false, Title);
        foreach (var (title, size, _) in Columns.Take(shown)) Cell(title, size, right: false, Title, Gap, padAlways: title != Columns[shown - 1].Title);
        text.Append('\n');
        foreach (var entry in entries)
        {
            foreach (var name in entry.Names.SkipLast(1))
            {
                Color(name, isTerminal ? Name : "");
                text.Append('\n');
            }
            Line(entry.Names[^1], names, entry.Top, shown, Name);
            for (int i = 0; i < entry.Children.Count; i++) Line((i == entry.Children.Count - 1 ? "└─ " : "├─ ") + entry.Children[i].Name, names, entry.Children[i].Row, shown, Plain);
            if (entry.Children.Count > 0) text.Append('\n');
        }
    }

    private void Legend()
    {
        const string Told = "Info ->  U In Use ";
        // The same width where the terminal has an "i" in a box before it and an arrow of one sign.
        text.Append(' ', Math.Max(0, width - Told.Length - (isTerminal ? 3 : 0)));
        text.Append(isTerminal ? $"\e[1m\e[106m\e[30mi{Reset}{Reset} \e[96mInfo → {Reset}{Reset} {Chip} In Use " : Told).Append("\n\n");
    }

    private string Chip => isTerminal ? $"\e[38;5;0m\e[48;5;14m U {Reset}" : " U ";

    private void Line(string name, int names, Row row, int shown, string color)
    {
        Cell(name, names, right: false, isTerminal ? color : "");
        var cells = row.Cells(Chip);
        for (int i = 0; i < shown; i++)
        {
            text.Append(' ', Gap);
            // The mark has a color of its own, which takes no room.
            if (cells[i] == Chip) text.Append(Chip).Append(' ', Columns[i].Width - 3);
            else if (cells[i].Length == 0) text.Append(' ', Columns[i].Width);
            else Cell(cells[i], Columns[i].Width, Columns[i].Right, isTerminal ? Plain : "");
        }
        text.Append('\n');
    }

    private void Cell(string value, int size, bool right, string color, int gap = 0, bool padAlways = true)
    {
        text.Append(' ', gap);
        if (right) text.Append(' ', Math.Max(0, size - value.Length));
        Color(value, color);
        if (!right && padAlways) text.Append(' ', Math.Max(0, size - value.Length));
    }

    private void Color(string value, string color) => text.Append(color).Append(value).Append(color.Length > 0 ? Reset : "");
}
