using System.Text.Json;

namespace Wharf.Daemon.Registry.Observing;

/// <summary>Hands events to the audit log and to the webhooks that want them.</summary>
public sealed class EventReporter(AuditLog? audit, IReadOnlyList<Webhook> webhooks) : IAsyncDisposable
{
    public bool WantsPulls { get; } = audit is not null || webhooks.Any(webhook => webhook.Wants("pull"));

    public void Report(RegistryEvent registryEvent)
    {
        if (audit is null && webhooks.Count == 0) return;
        var json = JsonSerializer.SerializeToUtf8Bytes(registryEvent, RegistryEventJson.Default.RegistryEvent);
        audit?.Write(json);
        foreach (var webhook in webhooks) if (webhook.Wants(registryEvent.Action)) webhook.Enqueue(registryEvent.Id, json);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var webhook in webhooks) await webhook.DisposeAsync();
        audit?.Dispose();
    }
}

/// <summary>One JSON object a line, appended. A file that was moved away (log rotation) is opened anew.</summary>
public sealed class AuditLog : IDisposable
{
    private readonly string _path;
    private readonly Lock _lock = new();
    private FileStream _file;

    public AuditLog(string path)
    {
        _path = path;
        _file = Open();
    }

    private FileStream Open() => new(_path, new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.ReadWrite | FileShare.Delete, BufferSize = 0, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });

    public void Write(byte[] json)
    {
        var line = new byte[json.Length + 1];
        json.CopyTo(line, 0);
        line[^1] = (byte)'\n';
        lock (_lock)
        {
            if (!File.Exists(_path))
            {
                _file.Dispose();
                _file = Open();
            }
            _file.Write(line);
        }
    }

    public void Dispose() => _file.Dispose();
}
