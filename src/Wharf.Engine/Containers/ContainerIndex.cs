using System.Diagnostics.CodeAnalysis;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers;

/// <summary>All containers by ID and name. A name is reserved before its container is made, so that two creates cannot both win.</summary>
internal sealed class ContainerIndex
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Container> _byId = new(StringComparer.Ordinal);
    /// <summary>Name to container ID, reservations included.</summary>
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);

    public void Add(Container container)
    {
        lock (_lock)
        {
            _byId.Add(container.Id, container);
            _names[container.Name] = container.Id;
        }
    }

    public void Remove(Container container)
    {
        lock (_lock)
        {
            _byId.Remove(container.Id);
            if (_names.TryGetValue(container.Name, out var owner) && owner == container.Id) _names.Remove(container.Name);
        }
    }

    /// <summary>Takes a name for a container; false with its holder when it is taken.</summary>
    public bool TryReserve(string name, string id, [NotNullWhen(false)] out string? holder)
    {
        lock (_lock)
        {
            if (_names.TryGetValue(name, out holder)) return false;
            _names[name] = id;
            return true;
        }
    }

    public void Release(string name, string id)
    {
        lock (_lock)
        {
            if (_names.TryGetValue(name, out var owner) && owner == id) _names.Remove(name);
        }
    }

    public Container[] All()
    {
        lock (_lock) return [.. _byId.Values];
    }

    /// <summary>Finds containers by the names that others have for them, <c>other/alias</c>.</summary>
    public Func<string, Container?> Linked { get; set; } = _ => null;

    public Container Get(string nameOrId) => Find(nameOrId) ?? throw WharfException.NotFound($"No such container: {nameOrId}");

    /// <summary>By whole ID, then by name, then by a prefix of the ID that only one has; null when there is none.</summary>
    public Container? Find(string nameOrId)
    {
        var name = nameOrId.StartsWith('/') ? nameOrId[1..] : nameOrId;
        if (name.Length == 0) return null;
        if (name.Contains('/')) return Linked(name);
        lock (_lock)
        {
            if (_byId.TryGetValue(name, out var found)) return found;
            // A reserved name has no container yet: it is not there for anybody.
            if (_names.TryGetValue(name, out var id) && _byId.TryGetValue(id, out found)) return found;
            if (nameOrId.Length > 64) return null;
            foreach (var (key, candidate) in _byId)
            {
                if (!key.StartsWith(nameOrId, StringComparison.Ordinal)) continue;
                if (found is not null) throw WharfException.Invalid($"multiple IDs found with provided prefix: {nameOrId}");
                found = candidate;
            }
            return found;
        }
    }
}
