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
                Info = job.Dockerfile,
            };
            told.Detail.Add(ByteString.CopyFromUtf8(warning.Description));
            if (warning.Line > 0) told.Ranges.AddRange(BuildErrors.Ranges(warning.Line, warning.LastLine));
            status.Warnings.Add(told);
        }
        job.Warnings = status.Warnings.Count;
        if (status.Warnings.Count > 0) job.Log.Add(status);
    }
}
