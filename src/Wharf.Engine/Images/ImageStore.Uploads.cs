using Wharf.Engine.Images.Registry;

namespace Wharf.Engine.Images;

/// <summary>Uploads that have begun: a push after a daemon's death goes on with them.</summary>
public sealed partial class ImageStore
{
    // Registries forget an upload that nobody goes on with after a week at most.
    private const string UploadSchema = """
        create table if not exists image_upload(repository text not null, blob text not null, location text not null, begun text not null, primary key(repository, blob)) without rowid, strict;
        delete from image_upload where begun < strftime('%Y-%m-%d', 'now', '-7 days');
        """;

    private readonly HashSet<(string, string)> _uploading = [];

    /// <summary>
    /// The note of one upload, until disposed. <paramref name="blob"/> stands for bytes that are the same each time. A second push of the same at
    /// the same time gets one that remembers nothing: two cannot go on with one upload.
    /// </summary>
    internal IUploadNote Upload(string repository, string blob)
    {
        lock (_uploading) return _uploading.Add((repository, blob)) ? new UploadNote(this, repository, blob) : new NoNote();
    }

    private sealed class NoNote : IUploadNote
    {
        public string? Location { get; set; }
        public void Dispose() { }
    }

    private sealed class UploadNote(ImageStore store, string repository, string blob) : IUploadNote
    {
        public void Dispose()
        {
            lock (store._uploading) store._uploading.Remove((repository, blob));
        }

        public string? Location
        {
            get => store._state.Query("select location from image_upload where repository = $1 and blob = $2", static row => row.GetString(0), repository, blob) is [var location, ..] ? location : null;
            set
            {
                if (value is null) store._state.Execute("delete from image_upload where repository = $1 and blob = $2", repository, blob);
                else store._state.Execute("insert into image_upload values($1, $2, $3, $4) on conflict(repository, blob) do update set location = excluded.location, begun = excluded.begun", repository, blob, value, DateTimeOffset.UtcNow.ToString("o"));
            }
        }
    }
}
