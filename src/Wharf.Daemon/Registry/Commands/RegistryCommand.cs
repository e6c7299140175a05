using Wharf.Daemon.Registry.Hosting;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Commands;

/// <summary><c>wharf registry</c>: serves a registry, or works on any.</summary>
public static class RegistryCommand
{
    internal const string Usage = """
        Usage:  wharf registry COMMAND

        Run a registry, or look into and after one

        Commands:
          serve                        Run a registry
          ls HOST                      List a registry's repositories
          tags HOST/REPOSITORY         List a repository's tags
          inspect HOST/REPOSITORY:TAG  Show a manifest and what belongs to it (--raw: its bytes)
          referrers HOST/REPOSITORY:TAG
                                       List what refers to an image: signatures, bills of materials and other artifacts (--artifact-type TYPE, --json)
          scan HOST/REPOSITORY:TAG     List an image's packages and their known vulnerabilities (--packages, --json, --exit-code)
          copy SOURCE DESTINATION      Copy an image with all its platforms (or --platform), and with --referrers what refers to it; each is [docker://]NAME,
                                       oci:DIRECTORY[:TAG], oci-archive:FILE[:TAG], dir:DIRECTORY or docker-archive:FILE[:NAME[:TAG]]
          rm HOST/REPOSITORY:TAG...    Delete tags, or by @DIGEST manifests (--repository: whole repositories of a wharf registry)
          prune HOST                   Remove what nothing references from a wharf registry (--grace 1h)
          robot create|ls|rm HOST      Manage logins for machines of a wharf registry (create: --repository PATTERN, --allow read,write, --expires 90d)
          key create|ls|rm HOST        Manage keys of your own for a wharf registry, which stand for your password (create: --label TEXT, --expires 90d)
          htpasswd USER                Read a password and print a line for an htpasswd file

        Options of all but serve and htpasswd:
              --insecure-registry list Registry (host[:port] or CIDR) that may be spoken to without TLS

        Credentials are those of 'wharf login'. Run 'wharf registry serve --help' for the server's options.
        """;

    public static async Task<int> RunAsync(string[] args, CredentialLookup credentials)
    {
        try
        {
            return args switch
            {
                [] or ["--help" or "-h" or "help", ..] => Print(Usage),
                ["serve", .. var rest] => await ServeCommand.RunAsync(rest),
                [_, "--help" or "-h"] => Print(Usage),
                ["ls" or "list", .. var rest] => await ListCommands.RepositoriesAsync(new RegistryArguments(rest, ["--insecure-registry"], []), credentials),
                ["tags", .. var rest] => await ListCommands.TagsAsync(new RegistryArguments(rest, ["--insecure-registry"], []), credentials),
                ["inspect", .. var rest] => await InspectCommand.RunAsync(new RegistryArguments(rest, ["--insecure-registry"], ["--raw"]), credentials),
                ["referrers", .. var rest] => await ReferrersCommand.RunAsync(new RegistryArguments(rest, ["--insecure-registry", "--artifact-type"], ["--json"]), credentials),
                ["scan", .. var rest] => await ScanCommand.RunAsync(new RegistryArguments(rest, ["--insecure-registry", "--platform"], ["--packages", "--json", "--exit-code"]), credentials),
                ["copy" or "cp", .. var rest] => await CopyCommand.RunAsync(new RegistryArguments(rest, ["--insecure-registry", "--platform"], ["--referrers"]), credentials),
                ["rm" or "delete", .. var rest] => await ListCommands.RemoveAsync(new RegistryArguments(rest, ["--insecure-registry"], ["--repository"]), credentials),
                ["prune", .. var rest] => await AdminCommands.PruneAsync(new RegistryArguments(rest, ["--insecure-registry", "--grace"], []), credentials),
                ["robot", .. var rest] => await AdminCommands.RobotAsync(new RegistryArguments(rest, ["--insecure-registry", "--repository", "--allow", "--expires"], []), credentials),
                ["key", .. var rest] => await AdminCommands.KeyAsync(new RegistryArguments(rest, ["--insecure-registry", "--label", "--expires"], []), credentials),
                ["htpasswd", .. var rest] => AdminCommands.Htpasswd(new RegistryArguments(rest, [], [])),
                _ => throw WharfException.NotFound($"unknown command: wharf registry {args[0]}\n\nRun 'wharf registry --help' for more information"),
            };
        }
        catch (WharfException error)
        {
            await Console.Error.WriteLineAsync(error.Kind == ErrorKind.NotFound && error.Message.StartsWith("unknown command", StringComparison.Ordinal) ? $"wharf: {error.Message}" : $"wharf registry: {error.Message}");
            return 1;
        }
        catch (Exception error) when (error is HttpRequestException or IOException or UnauthorizedAccessException or Http.RegistryException)
        {
            await Console.Error.WriteLineAsync($"wharf registry: {error.Message}");
            return 1;
        }
    }

    private static int Print(string text)
    {
        Console.Out.WriteLine(text);
        return 0;
    }
}
