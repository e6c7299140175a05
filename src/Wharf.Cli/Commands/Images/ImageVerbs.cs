using Wharf.Cli.CommandLine;
using Wharf.Cli.Commands.Images;
using static Wharf.Cli.Commands.Catalog;

namespace Wharf.Cli.Commands;

/// <summary>The verbs of <c>image</c>, most of which also stand alone.</summary>
internal static class ImageVerbs
{
    private static CommandEntry Attestations => Verb("attestations", "List statements about how an image was made", () => new AttestationsCommand());
    public static readonly CommandEntry Build = Verb("build", "Build an image from a Dockerfile", () => new BuildCommand(), "image build", "build", "builder build");
    public static readonly CommandEntry Convert = Verb("convert", "Choose the form in which an image is pushed", () => new ConvertCommand());
    private static CommandEntry Collect => Verb("gc", "Remove images by the daemon's rules, or show what would go", () => new CollectCommand());
    public static readonly CommandEntry History = Verb("history", "Show how an image came to be", () => new HistoryCommand(), "image history", "history");
    public static readonly CommandEntry Import = Verb("import", "Make an image of a tar archive of files", () => new ImportCommand(), "image import", "import");
    public static readonly CommandEntry Inspect = Verb("inspect", "Show all there is to know of images", () => new InspectCommand());
    public static readonly CommandEntry Load = Verb("load", "Load images from a tar archive or stdin", () => new LoadCommand(), "image load", "load");
    public static readonly CommandEntry List = Verb("ls", "List images", () => new ListCommand(), "image ls", "image list", "images").As("ls", ["list"]);
    public static readonly CommandEntry PruneUnused = Verb("prune", "Remove unused images", () => new PruneCommand());
    public static readonly CommandEntry Pull = Verb("pull", "Get an image from a registry", () => new PullCommand(), "image pull", "pull");
    public static readonly CommandEntry Push = Verb("push", "Send an image to a registry", () => new PushCommand(), "image push", "push");
    public static readonly CommandEntry Remove = Verb("rm", "Remove images", () => new RemoveCommand(), "image rm", "image remove", "rmi").As("rm", ["remove"]);
    public static readonly CommandEntry Save = Verb("save", "Save images to a tar archive or stdout", () => new SaveCommand(), "image save", "save");
    public static readonly CommandEntry SecureCopy = Verb("scp", "Copy an image from one engine to another", () => new SecureCopyCommand());
    public static readonly CommandEntry Squash = Verb("squash", "Make one layer of an image's layers", () => new SquashCommand());
    public static readonly CommandEntry Tag = Verb("tag", "Give an image another name", () => new TagCommand(), "image tag", "tag");
    private static CommandEntry Trust => Noun("trust", "Manage which images may come in", Verb("show", "Show the trust policy and which registries are blocked", () => new ShowTrustCommand()));

    public static IReadOnlyList<CommandEntry> All => [Attestations, Build, Collect, Convert, History, Import, Inspect, Load, List, PruneUnused, Pull, Push, Remove, Save, SecureCopy, Squash, Tag, Trust];
}
