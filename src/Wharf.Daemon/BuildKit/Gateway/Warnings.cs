using Google.Protobuf;
using Wharf.BuildKit.Protocol.Controls;
using Wharf.BuildKit.Protocol.Ops;
using Wharf.Engine.Build.Language;
using Wharf.Engine.Build.Planning;

namespace Wharf.Daemon.BuildKit.Gateway;

/// <summary>What the lint rules found, as the client shows it after a build.</summary>
internal static class Warnings
{
    public static void Tell(BuildJob job, BuildPlan plan)
    {
        var status = new StatusResponse();
        foreach (var warning in plan.LintWarnings)
        {
            var told = new VertexWarning
            {
                Vertex = job.DefinitionVertex, Level = 1, Short = ByteString.CopyFromUtf8($"{warning.Rule}: {warning.Message}{(warning.Line > 0 ? $" (line {warning.Line})" : "")}"), Url = warning.Url,
                Info = new SourceInfo { Filename = job.DockerfileName, Data = ByteString.CopyFromUtf8(job.DockerfileText), Language = "Dockerfile" },
            };
            told.Detail.Add(ByteString.CopyFromUtf8(warning.Description));
            for (int line = warning.Line; line > 0 && line <= warning.LastLine; line++) told.Ranges.Add(new Wharf.BuildKit.Protocol.Ops.Range { Start = new Position { Line = line }, End = new Position { Line = line } });
            status.Warnings.Add(told);
        }
        job.Warnings = status.Warnings.Count;
        if (status.Warnings.Count > 0) job.Log.Add(status);
    }
}
