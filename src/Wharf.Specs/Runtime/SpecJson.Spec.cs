namespace Wharf.Specs.Runtime;

/// <summary>The configuration's part for all platforms (config.md).</summary>
public ref partial struct SpecJson
{
    private Spec? Spec()
    {
        if (!Begin("Spec")) return null;
        var spec = new Spec { OciVersion = "" };
        while (Next(out var name))
        {
            switch (name)
            {
                case "ociVersion": spec.OciVersion = Text() ?? ""; break;
                case "process": spec.Process = Process(); break;
                case "root": spec.Root = Root(); break;
                case "hostname": spec.Hostname = Text(); break;
                case "domainname": spec.Domainname = Text(); break;
                case "mounts": spec.Mounts = List(static (ref json) => json.Mount() ?? new Mount()); break;
                case "hooks": spec.Hooks = Hooks(); break;
                case "annotations": spec.Annotations = Map(static (ref json) => json.Text() ?? ""); break;
                case "linux": spec.Linux = Linux(); break;
                default: Other(); break;
            }
        }
        return spec;
    }

    private Root? Root()
    {
        if (!Begin("Root")) return null;
        var root = new Root { Path = "" };
        while (Next(out var name))
        {
            switch (name)
            {
                case "path": root.Path = Text() ?? ""; break;
                case "readonly": root.Readonly = Flag(); break;
                default: Other(); break;
            }
        }
        return root;
    }

    private Mount? Mount()
    {
        if (!Begin("Mount")) return null;
        var mount = new Mount();
        while (Next(out var name))
        {
            switch (name)
            {
                case "destination": mount.Destination = Text() ?? ""; break;
                case "type": mount.Type = Text(); break;
                case "source": mount.Source = Text(); break;
                case "options": mount.Options = Texts(); break;
                case "uidMappings": mount.UidMappings = Mappings(); break;
                case "gidMappings": mount.GidMappings = Mappings(); break;
                default: Other(); break;
            }
        }
        return mount;
    }

    private List<IdMapping>? Mappings() => List(static (ref json) => json.Mapping());

    private IdMapping Mapping()
    {
        var mapping = new IdMapping();
        if (!Begin("LinuxIDMapping")) return mapping;
        while (Next(out var name))
        {
            switch (name)
            {
                case "containerID": mapping.ContainerId = UInt32() ?? 0; break;
                case "hostID": mapping.HostId = UInt32() ?? 0; break;
                case "size": mapping.Size = UInt32() ?? 0; break;
                default: Other(); break;
            }
        }
        return mapping;
    }

    private Hooks? Hooks()
    {
        if (!Begin("Hooks")) return null;
        var hooks = new Hooks();
        while (Next(out var name))
        {
            switch (name)
            {
                case "prestart": hooks.Prestart = HookList(); break;
                case "createRuntime": hooks.CreateRuntime = HookList(); break;
                case "createContainer": hooks.CreateContainer = HookList(); break;
                case "startContainer": hooks.StartContainer = HookList(); break;
                case "poststart": hooks.Poststart = HookList(); break;
                case "poststop": hooks.Poststop = HookList(); break;
                default: Other(); break;
            }
        }
        return hooks;
    }

    private List<Hook>? HookList() => List(static (ref json) => json.Hook());

    private Hook Hook()
    {
        var hook = new Hook();
        if (!Begin("Hook")) return hook;
        while (Next(out var name))
        {
            switch (name)
            {
                case "path": hook.Path = Text() ?? ""; break;
                case "args": hook.Args = Texts(); break;
                case "env": hook.Env = Texts(); break;
                case "timeout": hook.Timeout = Int32(); break;
                default: Other(); break;
            }
        }
        return hook;
    }
}
