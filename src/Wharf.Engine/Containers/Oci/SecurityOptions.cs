using System.Text.Json;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Oci;

/// <summary>docker's <c>--security-opt</c> values.</summary>
internal sealed record SecurityOptions
{
    public bool NoNewPrivileges { get; init; }
    public bool SeccompUnconfined { get; init; }
    /// <summary>/sys/fs/cgroup may be written to though the container is not privileged.</summary>
    public bool WritableCgroups { get; init; }
    /// <summary><see cref="Seccomp"/> is the daemon's: privileged containers go without.</summary>
    public bool SeccompIsDefault { get; init; }
    /// <summary>A profile the client sent along, or the daemon's own; null for the built-in one.</summary>
    public SeccompProfile? Seccomp { get; init; }

    /// <summary>What <paramref name="options"/> say, over what the daemon's defaults are.</summary>
    public static SecurityOptions Parse(IReadOnlyList<string>? options, Config.ContainerDefaults? defaults = null)
    {
        var parsed = defaults is null ? new SecurityOptions()
            : new SecurityOptions { NoNewPrivileges = defaults.NoNewPrivileges, SeccompUnconfined = defaults.SeccompProfile == "unconfined", Seccomp = defaults.Profile, SeccompIsDefault = defaults.Profile is not null };
        foreach (var option in options ?? [])
        {
            int separator = option.IndexOfAny(['=', ':']);
            var key = separator < 0 ? option : option[..separator];
            var value = separator < 0 ? null : option[(separator + 1)..];
            bool? on = value is null ? true : Specs.GoSyntax.Bool(value);
            parsed = (key, value) switch
            {
                ("no-new-privileges", _) when on is { } set => parsed with { NoNewPrivileges = set },
                ("seccomp", "unconfined") => parsed with { SeccompUnconfined = true, Seccomp = null },
                ("seccomp", "builtin") => parsed with { SeccompUnconfined = false, Seccomp = null },
                ("seccomp", not null) => parsed with { SeccompUnconfined = false, Seccomp = ParseProfile(value), SeccompIsDefault = false },
                // AppArmor profiles are applied where the kernel has it (AppArmor); labels of SELinux are kept for inspect.
                ("apparmor", not null) or ("label", not null) => parsed,
                ("writable-cgroups", _) when on is { } set => parsed with { WritableCgroups = set },
                (_, null) => throw WharfException.Invalid($"invalid --security-opt 1: \"{option}\""),
                _ => throw WharfException.Invalid($"invalid --security-opt 2: \"{option}\""),
            };
        }
        return parsed;
    }

    internal static SeccompProfile ParseProfile(string json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, SeccompProfileJson.Default.SeccompProfile) ?? throw new JsonException("no profile");
        }
        catch (JsonException error)
        {
            throw WharfException.Invalid($"Decoding seccomp profile failed: {error.Message}", error);
        }
    }
}
