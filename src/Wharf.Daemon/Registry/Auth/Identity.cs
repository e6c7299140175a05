namespace Wharf.Daemon.Registry.Auth;

/// <summary>What may be done to a repository. Who may write there may read what nobody signed, also by a token that was asked for to read alone: signers read before they sign.</summary>
[Flags]
public enum RegistryAction { None = 0, Read = 1, Write = 2, Delete = 4, ReadUnsigned = 8, All = Read | Write | Delete }

/// <summary>Who asks, and what they may do. <see cref="IsAnonymous"/> tells that a credential could change the answer.</summary>
public sealed class Identity(string name, Func<string, RegistryAction> allowed, bool isAdmin, bool isAnonymous = false)
{
    /// <summary>Everything allowed: a registry without any rule.</summary>
    public static readonly Identity Everyone = new("", _ => RegistryAction.All, isAdmin: true);

    /// <summary>Which repositories the catalogue shows; null when the credential does not cover the catalogue. By default those that may be read.</summary>
    public Func<string, bool>? Catalog { get; init; } = name => allowed(name).HasFlag(RegistryAction.Read);

    /// <summary>A user who proved it with more than a key: may make keys.</summary>
    public bool IsPerson { get; init; }
    /// <summary>Groups that the login told of; null when it tells of none.</summary>
    public IReadOnlyList<string>? Groups { get; init; }

    /// <summary>The user's name, empty for an anonymous one.</summary>
    public string Name { get; } = name;
    /// <summary>May collect garbage, make robots and remove repositories.</summary>
    public bool IsAdmin { get; } = isAdmin;
    public bool IsAnonymous { get; } = isAnonymous;

    public RegistryAction Allowed(string repository) => allowed(repository);
    public bool May(RegistryAction action, string repository) => (allowed(repository) & action) == action;
}
