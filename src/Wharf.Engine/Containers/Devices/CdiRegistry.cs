using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;

namespace Wharf.Engine.Containers.Devices;

/// <summary>
/// The devices that files of the Container Device Interface describe. The directories are read when they are asked for, so that what a vendor's tool writes is there at once. A later directory goes before an
/// earlier one; a device that two files of one directory name is none.
/// </summary>
public sealed class CdiRegistry
{
    internal const string Driver = "cdi";
    private const string Gpus = "nvidia.com/gpu", All = "all";
    private const string ClassAnnotation = "org.mobyproject.buildkit.device.class", AllowAnnotation = "org.mobyproject.buildkit.device.autoallow";
    private const int MaxFile = 16 << 20;

    private readonly Dictionary<string, (CdiSpec Spec, CdiDevice Device, int Priority)> _devices = new(StringComparer.Ordinal);

    /// <summary>What was wrong with the files, by path.</summary>
    public IReadOnlyDictionary<string, string> Errors { get; }

    private CdiRegistry(Dictionary<string, string> errors) => Errors = errors;

    public IEnumerable<string> Names => _devices.Keys.Order(StringComparer.Ordinal);

    public static CdiRegistry Load(IReadOnlyList<string> directories)
    {
        var errors = new Dictionary<string, string>(StringComparer.Ordinal);
        var registry = new CdiRegistry(errors);
        for (int priority = 0; priority < directories.Count; priority++)
        {
            if (!Directory.Exists(directories[priority])) continue;
            var twice = new HashSet<string>(StringComparer.Ordinal);
            foreach (var path in Directory.EnumerateFiles(directories[priority]).Where(static path => Path.GetExtension(path) is ".json" or ".yaml").Order(StringComparer.Ordinal))
            {
                try
                {
                    if (new FileInfo(path).Length > MaxFile) throw new FormatException($"larger than {MaxFile} bytes");
                    registry.Add(CdiSpec.Read(path, File.ReadAllText(path)), priority, twice, errors);
                }
                catch (Exception error) when (error is FormatException or IOException or UnauthorizedAccessException) { errors[path] = "failed to load CDI Spec " + error.Message; }
            }
            foreach (var name in twice) registry._devices.Remove(name);
        }
        return registry;
    }

    private void Add(CdiSpec spec, int priority, HashSet<string> twice, Dictionary<string, string> errors)
    {
        foreach (var device in spec.Devices)
        {
            var name = $"{spec.Kind}={device.Name}";
            if (_devices.TryGetValue(name, out var known) && known.Priority == priority)
            {
                twice.Add(name);
                errors[spec.Path] = $"conflicting device \"{name}\" (specs \"{known.Spec.Path}\", \"{spec.Path}\")";
            }
            else _devices[name] = (spec, device, priority);
        }
    }

    /// <summary>What a container's requests add to it, in their order: a file's own edits once, before those of its first device. Errors are docker's, at the start.</summary>
    internal List<CdiEdits> Resolve(IEnumerable<DeviceRequest> requests)
    {
        var names = requests.SelectMany(NamesOf).Distinct(StringComparer.Ordinal).ToList();
        if (names.FindAll(name => !_devices.ContainsKey(name)) is { Count: > 0 } missing) throw new WharfException(ErrorKind.Internal, $"CDI device injection failed: unresolvable CDI devices {string.Join(", ", missing)}");
        var edits = new List<CdiEdits>();
        var seen = new HashSet<CdiSpec>(ReferenceEqualityComparer.Instance);
        foreach (var name in names)
        {
            var (spec, device, _) = _devices[name];
            if (seen.Add(spec)) edits.Add(spec.Edits);
            edits.Add(device.Edits);
        }
        return edits;
    }

    /// <summary>
    /// The devices that a build step's name means: one, the first of a kind (<c>vendor/class</c>), all of a kind (<c>vendor/class=*</c>), or those whose annotation puts them into the class of that name. Empty where
    /// there are none; InvalidArgument for what is no name.
    /// </summary>
    internal List<string> Find(string name)
    {
        var (kind, device) = name.Split('=', 2) is [var before, var after] ? (before, after) : (name, "");
        if (!CdiSpec.IsKind(kind)) throw WharfException.Invalid($"invalid device {Specs.GoSyntax.Quoted(name)}");
        if (_devices.ContainsKey(name)) return [name];
        var all = Names.Where(known => known.StartsWith(kind + "=", StringComparison.Ordinal));
        return device switch
        {
            "" => [.. all.Take(1)],
            "*" => [.. all],
            _ => [.. all.Where(known => _devices[known].Device.Annotations.GetValueOrDefault(ClassAnnotation) == device)],
        };
    }

    public IReadOnlyDictionary<string, string> AnnotationsOf(string name) => _devices[name].Device.Annotations;

    /// <summary>Whether any build may have the device, by an annotation of its file.</summary>
    public bool IsAutoAllowed(string name) => AnnotationsOf(name).GetValueOrDefault(AllowAnnotation) is { } allowed && Specs.GoSyntax.Bool(allowed) == true;

    /// <summary>The names of devices that a request means: by CDI its own, for GPUs those that NVIDIA's tools describe.</summary>
    private IEnumerable<string> NamesOf(DeviceRequest request)
    {
        var given = request.DeviceIDs ?? [];
        if (request.Driver == Driver) return given;
        bool gpus = request.Capabilities?.Exists(static set => set.Contains("gpu")) == true && request.Driver is null or "" or "nvidia" && _devices.Keys.Any(static name => name.StartsWith(Gpus + "=", StringComparison.Ordinal));
        if (!gpus) throw new WharfException(ErrorKind.Internal, $"could not select device driver \"{request.Driver}\" with capabilities: [{string.Join(' ', (request.Capabilities ?? []).Select(static set => $"[{string.Join(' ', set)}]"))}]");
        if (given.Count > 0) return given.Select(static id => id.Contains('=') ? id : $"{Gpus}={id}");
        return request.Count is null or < 0 ? [$"{Gpus}={All}"] : Enumerable.Range(0, (int)Math.Min(request.Count.Value, ushort.MaxValue)).Select(static number => $"{Gpus}={number}");
    }
}
