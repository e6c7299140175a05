using Wharf.Engine.Build.Planning;
using Wharf.Engine.Containers.Devices;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Build;

/// <summary>Which devices of the host a client allows the steps of its build: BuildKit's entitlement <c>device</c>, or <c>device=NAME[,alias=OTHER]</c> for one of them.</summary>
public sealed class DeviceGrants
{
    public const string Entitlement = "device";

    /// <summary>None but those that their own files give to everybody.</summary>
    public static DeviceGrants None { get; } = new();

    private bool _all;
    /// <summary>Names that are granted, each with the device that it is another name of, or null.</summary>
    private readonly Dictionary<string, string?> _names = new(StringComparer.Ordinal);

    private DeviceGrants() { }

    /// <summary>Whether an entitlement is one for devices.</summary>
    public static bool IsFor(string entitlement) => entitlement == Entitlement || entitlement.StartsWith(Entitlement + "=", StringComparison.Ordinal);

    /// <summary>Takes of a build's entitlements those for devices.</summary>
    public static DeviceGrants Parse(IEnumerable<string> entitlements)
    {
        var grants = new DeviceGrants();
        foreach (var entitlement in entitlements.Where(IsFor))
        {
            if (entitlement == Entitlement) grants._all = true;
            else grants.Add(entitlement[(Entitlement.Length + 1)..]);
        }
        return grants;
    }

    private void Add(string text)
    {
        var fields = text.Split(',');
        string? alias = null;
        foreach (var field in fields.Skip(1))
        {
            if (field.Split('=', 2) is not [var key, var value]) throw WharfException.Invalid($"invalid device config {Specs.GoSyntax.Quoted(field)}");
            alias = key == "alias" ? value : throw WharfException.Invalid($"unknown device config key {Specs.GoSyntax.Quoted(key)}");
        }
        if (text.Length == 0) _all = true;
        else if (alias is { Length: > 0 }) _names[alias] = fields[0];
        else _names[fields[0]] = null;
    }

    /// <summary>The devices that a step gets for those it wants; InvalidArgument when one is allowed by nobody.</summary>
    internal IReadOnlyList<RunDevice> Check(List<RunDevice> wanted, CdiRegistry registry)
    {
        if (_all) return wanted;
        List<RunDevice> allowed = [.. wanted.Where(device => _names.GetValueOrDefault(device.Name) is not null).Select(device => device with { Name = _names[device.Name]! })];
        var granted = new Lazy<HashSet<string>>(() => [.. Resolve(_names.Where(static grant => grant.Value is null).Select(static grant => new RunDevice(grant.Key, Required: true)), registry)]);
        var forbidden = new List<string>();
        foreach (var name in Resolve(wanted.Where(device => _names.GetValueOrDefault(device.Name) is null), registry))
        {
            if (granted.Value.Contains(name) || registry.IsAutoAllowed(name)) allowed.Add(new RunDevice(name, Required: true));
            else forbidden.Add(name);
        }
        if (forbidden.Count > 0) throw WharfException.Invalid($"failed to load LLB: {(forbidden.Count == 1 ? "device" : "devices")} {string.Join(", ", forbidden)} {(forbidden.Count == 1 ? "is" : "are")} requested by the build but not allowed");
        return allowed;
    }

    /// <summary>The full names of devices, each once; InvalidArgument when one that is required is not there.</summary>
    internal static List<string> Resolve(IEnumerable<RunDevice> devices, CdiRegistry registry)
    {
        var names = new List<string>();
        foreach (var device in devices)
        {
            var found = registry.Find(device.Name);
            if (found.Count == 0 && device.Required) throw WharfException.Invalid($"failed to load LLB: required device {Specs.GoSyntax.Quoted(device.Name)} is not registered");
            names.AddRange(found.Except(names));
        }
        return names;
    }
}
