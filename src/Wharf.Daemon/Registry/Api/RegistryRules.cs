using System.Text.RegularExpressions;
using Wharf.Daemon.Registry.Auth;
using Wharf.Daemon.Registry.Config;
using Wharf.Daemon.Registry.Http;
using Wharf.Daemon.Registry.Mirror;
using Wharf.Daemon.Registry.Observing;
using Wharf.Daemon.Registry.Storage;
using Wharf.Daemon.Registry.Upkeep;
using Wharf.Specs.Image;

namespace Wharf.Daemon.Registry.Api;

/// <summary>What the configuration allows and wants to know, beside who may do it.</summary>
public sealed class RegistryRules(RegistryConfig config, RegistryMetrics metrics, QuotaService quotas, EventReporter reporter, MirrorService? mirror, RegistryStore store)
{
    private readonly List<(RepositoryPattern Repository, Regex Tags)> _immutable = [.. config.ImmutableTags.Select(rule => (new RepositoryPattern(rule.Repository), ConfigText.TagPattern(rule.Tags, "immutable-tags")))];

    public RegistryMetrics Metrics { get; } = metrics;
    /// <summary>Null when no upstream is configured.</summary>
    public MirrorService? Mirror { get; } = mirror;
    /// <summary>Null when no signature counts anywhere.</summary>
    internal Trust? Trust { get; } = config.Trust.Count > 0 ? new Trust(config.Trust, store) : null;
    public int MaxTagPage => config.Limits.MaxTagPage;
    public bool ReportsPulls => reporter.WantsPulls;

    public void CheckDeletesAllowed()
    {
        if (!config.Delete || config.ReadOnly) throw new RegistryException(RegistryErrorCode.Unsupported, "deletion is disabled");
    }

    /// <summary>Refuses what would add to a repository that may not grow.</summary>
    public void CheckMayGrow(string name, long more = 0)
    {
        if (config.ReadOnly) throw new RegistryException(RegistryErrorCode.Unsupported, "the registry is read-only");
        if (Mirror?.Owns(name) == true) throw new RegistryException(RegistryErrorCode.Denied, $"{name} mirrors another registry: push there");
        quotas.Check(name, more);
    }

    public void Grew(string name, long bytes) => quotas.Add(name, bytes);

    public bool HasImmutable(string name) => _immutable.Exists(rule => rule.Repository.Fits(name));
    public bool IsImmutable(string name, string tag) => _immutable.Exists(rule => rule.Repository.Fits(name) && rule.Tags.IsMatch(tag));

    /// <summary>Tells those who listen: audit log, webhooks.</summary>
    public void Report(RegistryRequest request, string action, Digest digest, string? tag) => reporter.Report(new RegistryEvent
    {
        Action = action, Repository = request.Name, Digest = digest.ToString(), Tag = tag, User = request.Identity.Name is { Length: > 0 } name ? name : null,
        Address = request.Http.Connection.RemoteIpAddress?.ToString(), Agent = request.Http.Request.Headers.UserAgent.ToString() is { Length: > 0 } agent ? agent[..Math.Min(agent.Length, 256)] : null,
    });
}
