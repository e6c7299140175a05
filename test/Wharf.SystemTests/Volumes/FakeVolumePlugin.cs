using System.Text.Json.Nodes;
using Wharf.SystemTests.Fixtures;

namespace Wharf.SystemTests.Volumes;

/// <summary>A volume plugin: a directory for each volume.</summary>
public sealed class FakeVolumePlugin : FakePlugin
{
    private readonly string _directory;

    public FakeVolumePlugin(string name, string directory) : base(name)
    {
        _directory = directory;
        Serve();
    }

    /// <summary>Mounts are answered when this is done.</summary>
    public Task Mounting { get; set; } = Task.CompletedTask;

    protected override JsonObject Answer(string method, JsonNode? body)
    {
        var name = body?["Name"]?.ToString() ?? "";
        var path = Path.Combine(_directory, name);
        switch (method)
        {
            case "/Plugin.Activate": return new JsonObject { ["Implements"] = new JsonArray("VolumeDriver") };
            case "/VolumeDriver.Capabilities": return new JsonObject { ["Capabilities"] = new JsonObject { ["Scope"] = "local" } };
            case "/VolumeDriver.Create":
                Directory.CreateDirectory(path);
                return new JsonObject { ["Err"] = "" };
            case "/VolumeDriver.Get": return Directory.Exists(path) && name.Length > 0 ? new JsonObject { ["Volume"] = new JsonObject { ["Name"] = name, ["Mountpoint"] = path }, ["Err"] = "" } : new JsonObject { ["Err"] = "no such volume" };
            case "/VolumeDriver.Mount":
                Mounting.Wait();
                goto case "/VolumeDriver.Path";
            case "/VolumeDriver.Path": return new JsonObject { ["Mountpoint"] = path, ["Err"] = "" };
            case "/VolumeDriver.List": return new JsonObject { ["Volumes"] = new JsonArray([.. Directory.GetDirectories(_directory).Select(directory => new JsonObject { ["Name"] = Path.GetFileName(directory), ["Mountpoint"] = directory })]), ["Err"] = "" };
            case "/VolumeDriver.Remove":
                Directory.Delete(path, recursive: true);
                return new JsonObject { ["Err"] = "" };
            default: return new JsonObject { ["Err"] = "" };
        }
    }
}
