using Wharf.Specs.DockerApi;
using Wharf.Specs.Image;

namespace Wharf.Engine.Build.Classic;

/// <summary>Whom a classic build tells what it does.</summary>
/// <param name="Show">Text of the build itself and of processes' standard output.</param>
/// <param name="ShowError">Text of processes' standard error.</param>
/// <param name="Stage">The image that a stage came to.</param>
/// <param name="Pulls">Progress of pulling base images.</param>
public sealed record ClassicReport(Action<string> Show, Action<string> ShowError, Action<Digest> Stage, IProgress<JsonMessage> Pulls);
