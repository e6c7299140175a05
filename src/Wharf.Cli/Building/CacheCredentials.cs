namespace Wharf.Cli.Building;

/// <summary>What a cache's store wants to know and this user's environment says: AWS's variables, and those of a step in GitHub Actions. What was given by hand goes before.</summary>
internal static class CacheCredentials
{
    public static void Complete(string type, IDictionary<string, string> fields, Func<string, string?> variable)
    {
        if (type == "s3" && !(fields.ContainsKey("access_key_id") && fields.ContainsKey("secret_access_key")))
        {
            Add("access_key_id", "AWS_ACCESS_KEY_ID");
            Add("secret_access_key", "AWS_SECRET_ACCESS_KEY");
            Add("session_token", "AWS_SESSION_TOKEN");
        }
        else if (type == "gha")
        {
            Add("token", "ACTIONS_RUNTIME_TOKEN");
            Add("url_v2", "ACTIONS_RESULTS_URL");
            if (fields.ContainsKey("url_v2")) fields.TryAdd("version", "2");
        }

        void Add(string key, string name)
        {
            if (variable(name) is { Length: > 0 } value) fields.TryAdd(key, value);
        }
    }
}
