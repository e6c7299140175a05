namespace Wharf.Cli.Commands.Doctor;

/// <summary>How a check came out.</summary>
internal enum Health { Good, Note, Warning, Broken }

/// <summary>One thing looked at: what was found, and what to do when it is not good.</summary>
internal sealed record Finding(string Topic, Health Health, string Found, string? Advice = null);
