namespace Wharf.Specs.DockerApi;

/// <summary>Asks for a job (<c>POST /wharf/jobs</c>): a container that is run to its end, by a schedule or by hand.</summary>
public sealed record JobCreateRequest
{
    public string? Name { get; set; }
    /// <summary>A cron expression of five fields, or six with seconds, or <c>@daily</c> and its like; absent for a job that is only run by hand.</summary>
    public string? Schedule { get; set; }
    /// <summary>Where the schedule's hours are counted (<c>Europe/Berlin</c>); absent for the daemon's own zone.</summary>
    public string? TimeZone { get; set; }
    /// <summary>Run once at the daemon's start when its time came while no daemon was there.</summary>
    public bool? CatchUp { get; set; }
    public ContainerCreateRequest? Container { get; set; }
}

/// <summary>A job as it is kept (<c>GET /wharf/jobs</c>).</summary>
public sealed record Job
{
    public string Name { get; set; } = "";
    public string Schedule { get; set; } = "";
    public string TimeZone { get; set; } = "";
    public bool CatchUp { get; set; }
    public DateTimeOffset Created { get; set; }
    /// <summary>Absent for a job without a schedule.</summary>
    public DateTimeOffset? NextRun { get; set; }
    public JobRun? LastRun { get; set; }
    public ContainerCreateRequest? Container { get; set; }
}

/// <summary>One run of a job (<c>GET /wharf/jobs/{name}/runs</c>).</summary>
public sealed record JobRun
{
    public int Number { get; set; }
    /// <summary><c>schedule</c>, <c>catch-up</c> or <c>manual</c>.</summary>
    public string Trigger { get; set; } = "";
    /// <summary>The container's name; it is removed when the run is over.</summary>
    public string Container { get; set; } = "";
    public DateTimeOffset Started { get; set; }
    /// <summary>Absent while it runs.</summary>
    public DateTimeOffset? Finished { get; set; }
    /// <summary>Absent while it runs, and when it could not be run.</summary>
    public int? ExitCode { get; set; }
    /// <summary>Why it could not be run.</summary>
    public string? Error { get; set; }
    /// <summary>The last lines it wrote.</summary>
    public string? Log { get; set; }
}
