using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using Scalar = YamlDotNet.Core.Events.Scalar;

namespace Wharf.Specs.Yaml;

/// <summary>YAML as JSON: what YamlDotNet's parser reads, without anchors and tags. All scalars become text, but for null; no file has use for more of it here.</summary>
public static class YamlReader
{
    private const int MaxDepth = 32;

    /// <summary>The only document; null when there is none. FormatException, with the line, for what is not read.</summary>
    public static JsonNode? Read(string text)
    {
        var documents = ReadAll(text, most: 1);
        return documents.Count == 0 ? null : documents[0];
    }

    /// <summary>All documents, which <c>---</c> keeps apart. FormatException, with the line, for what is not read.</summary>
    public static List<JsonNode?> ReadAll(string text, int most = 1000)
    {
        var parser = new Parser(new StringReader(text));
        var documents = new List<JsonNode?>();
        try
        {
            parser.Consume<StreamStart>();
            while (!parser.TryConsume<StreamEnd>(out _))
            {
                if (documents.Count == most) throw Wrong(parser.Current!.Start, most == 1 ? "more than one document" : $"more than {most} documents");
                parser.Consume<DocumentStart>();
                documents.Add(Node(parser, 0));
                parser.Consume<DocumentEnd>();
            }
            return documents;
        }
        catch (YamlException error) { throw new FormatException($"yaml: line {error.Start.Line}: {error.Message}", error); }
    }

    private static FormatException Wrong(Mark at, string what) => new($"yaml: line {at.Line}: {what}");

    private static JsonNode? Node(Parser parser, int depth)
    {
        // What no one of ours writes, and what a few lines can blow up by.
        if (parser.Accept<AnchorAlias>(out var alias)) throw Wrong(alias.Start, "an alias is not read here");
        var start = parser.Consume<NodeEvent>();
        if (!start.Anchor.IsEmpty) throw Wrong(start.Start, "an anchor is not read here");
        if (!start.Tag.IsEmpty) throw Wrong(start.Start, "a tag is not read here");
        if (depth > MaxDepth) throw Wrong(start.Start, "nested too deeply");
        return start switch
        {
            Scalar scalar => Text(scalar),
            SequenceStart => Sequence(parser, depth),
            _ => Mapping(parser, depth),
        };
    }

    private static JsonValue? Text(Scalar scalar) => scalar.Style == ScalarStyle.Plain && scalar.Value is "" or "~" or "null" ? null : JsonValue.Create(scalar.Value);

    private static JsonArray Sequence(Parser parser, int depth)
    {
        var items = new JsonArray();
        while (!parser.TryConsume<SequenceEnd>(out _)) items.Add(Node(parser, depth + 1));
        return items;
    }

    private static JsonObject Mapping(Parser parser, int depth)
    {
        var map = new JsonObject();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            if (!parser.Accept<Scalar>(out var key)) throw Wrong(parser.Current!.Start, "a key is no text");
            Node(parser, depth + 1);
            if (!map.TryAdd(key.Value, Node(parser, depth + 1))) throw Wrong(key.Start, $"mapping key \"{key.Value}\" already defined");
        }
        return map;
    }
}
