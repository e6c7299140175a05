using System.Globalization;
using System.Text;
using Wharf.Engine.Secrets;
using Wharf.Specs.DockerApi;
using Wharf.Specs.Errors;
using Mount = Wharf.Specs.Runtime.Mount;

namespace Wharf.Engine.Containers;

/// <summary>Secrets: files on the exec root's tmpfs while a container runs, or variables of its first process. Nothing of them is in its configuration or its layer.</summary>
public sealed partial class ContainerService
{
    private string SecretFilesOf(string id) => Path.Combine(_options.ExecRoot, "secrets", id);

    /// <summary>That what a configuration asks for can be had. Not "not found": to clients that means the image.</summary>
    private void RequireSecrets(HostConfig host)
    {
        foreach (var use in SecretUse.Of(host))
            if (_secrets.Find(use.Name) is null) throw WharfException.Invalid($"no such secret: {use.Name}");
    }

    /// <summary>Removes a secret that no container asks for.</summary>
    public void RemoveSecret(string nameOrId)
    {
        var secret = _secrets.Get(nameOrId);
        var users = _index.All().Where(container => SecretUse.Of(container.HostConfig).Exists(use => use.Name == secret.Name || use.Name == secret.ID)).Select(static container => container.Name).Order(StringComparer.Ordinal).ToList();
        if (users.Count > 0) throw WharfException.Conflict($"secret {secret.Name} is in use by container {string.Join(", ", users)}");
        _secrets.Remove(secret);
    }

    /// <summary>Takes the files of a run away, at once and not with the rest of what it leaves.</summary>
    private void ReleaseSecrets(Container container)
    {
        if (container.HostConfig.Annotations is { Count: > 0 }) DeleteTree(SecretFilesOf(container.Id));
    }

    /// <summary>Writes the files of a container that starts; gives their mounts and its variables.</summary>
    private (List<Mount> Mounts, List<string> Variables) PrepareSecrets(Container container)
    {
        var (mounts, variables) = (new List<Mount>(), new List<string>());
        var uses = SecretUse.Of(container.HostConfig);
        if (uses.Count == 0) return (mounts, variables);
        var directory = SecretFilesOf(container.Id);
        DeleteTree(directory);
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (var use in uses)
        {
            var value = _secrets.Value(_secrets.Get(use.Name));
            if (use.IsVariable)
            {
                if (value.Contains((byte)0)) throw WharfException.Invalid($"secret {use.Name} holds a NUL byte, which no variable can");
                variables.Add($"{use.Target}={Encoding.UTF8.GetString(value)}");
                continue;
            }
            var path = Path.Combine(directory, mounts.Count.ToString(CultureInfo.InvariantCulture));
            using (var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite }))
            {
                file.Write(value);
                Linux.Fds.FileOwner.Set(path, (uint)use.Uid, (uint)use.Gid);
                File.SetUnixFileMode(file.SafeFileHandle, use.Mode);
            }
            mounts.Add(new Mount { Destination = use.Target, Source = path, Type = "bind", Options = ["bind", "ro", "private", "nosuid", "nodev", "noexec"] });
        }
        return (mounts, variables);
    }
}
