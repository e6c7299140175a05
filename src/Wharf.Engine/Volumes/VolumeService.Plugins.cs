using Wharf.Engine.Plugins;
using Wharf.Engine.Volumes.Plugins;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Volumes;

/// <summary>Volumes that plugins have and others made: they are listed, and known from their first use on.</summary>
public sealed partial class VolumeService
{
    /// <summary>All volumes, those of plugins too; and what could not be asked, in words.</summary>
    public async Task<(List<Volume> Volumes, List<string> Warnings)> ListAllAsync(CancellationToken cancellation)
    {
        var volumes = List();
        var warnings = new List<string>();
        var known = volumes.Select(volume => volume.Name!).ToHashSet(StringComparer.Ordinal);
        foreach (var name in PluginAddress.Names())
        {
            try
            {
                if (await _plugins.FindAsync(name, cancellation) is not { } plugin) continue;
                foreach (var told in await plugin.ListAsync(cancellation))
                    if (told.Name is { Length: > 0 } volume && known.Add(volume)) volumes.Add(Foreign(plugin, told));
            }
            catch (WharfException error) { warnings.Add($"{name}: {error.Message}"); }
        }
        return (volumes, warnings);
    }

    /// <summary>A volume we know, or one that a plugin knows: it is noted then.</summary>
    private async Task<Volume?> FindAnywhereAsync(string name, CancellationToken cancellation)
    {
        if (Find(name) is { } known) return known;
        foreach (var driver in PluginAddress.Names())
        {
            try
            {
                if (await _plugins.FindAsync(driver, cancellation) is not { } plugin || await plugin.GetAsync(name, cancellation) is not { Name: not null } told || told.Name != name) continue;
                _state.Execute("insert into volume values($1, $2) on conflict do nothing", name, Serialize(Foreign(plugin, told)));
                return Find(name);
            }
            catch (WharfException) { continue; } // it does not know the volume, or is not there: the next is asked
        }
        return null;
    }

    private static Volume Foreign(VolumePlugin plugin, PluginVolume told) => new()
    {
        Name = told.Name, Driver = plugin.Name, Mountpoint = told.Mountpoint ?? "", Scope = plugin.Scope, CreatedAt = told.CreatedAt is { Length: > 0 } created ? created : null, Status = told.Status,
    };
}
