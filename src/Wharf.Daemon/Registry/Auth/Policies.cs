using Wharf.Daemon.Registry.Config;
using Wharf.Specs.Errors;

namespace Wharf.Daemon.Registry.Auth;

/// <summary>Who may do what to which repositories: the sum of all rules that name the user.</summary>
internal sealed class Policies
{
    public const string Anonymous = "anonymous", AnyUser = "*";

    private sealed record Rule(RepositoryPattern Repository, IReadOnlyList<string> Users, RegistryAction Allow);

    private readonly List<Rule>? _rules;

    public Policies(IReadOnlyList<PolicyRule>? rules) => _rules = rules?.Select(rule => new Rule(new RepositoryPattern(rule.Repository), rule.Users, Parse(rule.Allow))).ToList();

    /// <param name="user">Null for who has not logged in.</param>
    /// <param name="groups">Groups of the user, each as <c>@name</c>.</param>
    public RegistryAction Allowed(string? user, string repository, IReadOnlyList<string>? groups = null)
    {
        if (_rules is null) return user is null ? RegistryAction.None : RegistryAction.All;
        var allowed = RegistryAction.None;
        foreach (var rule in _rules)
        {
            // What anybody may do, a user may do too.
            bool names = rule.Users.Contains(Anonymous) || user is not null && (rule.Users.Contains(AnyUser) || rule.Users.Contains(user) || groups is not null && groups.Any(rule.Users.Contains));
            if (names && rule.Repository.Fits(repository)) allowed |= rule.Allow;
        }
        return allowed;
    }

    public static RegistryAction Parse(IReadOnlyList<string> actions) => actions.Aggregate(RegistryAction.None, (sum, action) => sum | action switch
    {
        "read" or "pull" => RegistryAction.Read,
        "write" or "push" => RegistryAction.Read | RegistryAction.Write,
        "delete" => RegistryAction.Read | RegistryAction.Delete,
        "*" => RegistryAction.All,
        _ => throw WharfException.Invalid($"invalid action \"{action}\": expected read, write, delete or *"),
    });
}
