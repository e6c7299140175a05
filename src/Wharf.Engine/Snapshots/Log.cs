using Microsoft.Extensions.Logging;
using Wharf.Specs.Image;

namespace Wharf.Engine.Snapshots;

/// <summary>Log messages of this folder.</summary>
internal static partial class Log
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "layer {ChainId} is gone or incomplete and was dropped; pull or load its image again")]
    public static partial void LayerLost(ILogger logger, Digest chainId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "layer {ChainId} does not give its tar any more")]
    public static partial void LayerDamaged(ILogger logger, Digest chainId, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "cannot remove snapshot directory {Number} yet")]
    public static partial void RemoveFailed(ILogger logger, long number, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "cannot bring layer {ChainId} to the disk")]
    public static partial void SyncFailed(ILogger logger, Digest chainId, Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Reason}")]
    public static partial void DriverUnusable(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "storage-driver \"{Driver}\" is used in its place (docs/storage.md)")]
    public static partial void DriverChosen(ILogger logger, string driver);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Devices} devices and {Xattrs} extended attributes of layer {ChainId} cannot be made here and were left out")]
    public static partial void LeftOut(ILogger logger, Digest chainId, int devices, int xattrs);

    [LoggerMessage(Level = LogLevel.Warning, Message = "contents of files that no layer needs any more could not be removed")]
    public static partial void SweepFailed(ILogger logger, Exception error);
}
