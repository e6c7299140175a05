using Wharf.Engine.Content.Recipes;

namespace Wharf.Daemon.Hosting;

/// <summary><c>wharf layer-recipe</c>, which the daemon runs for itself: <see cref="RecipeJob"/>.</summary>
public static class LayerRecipeCommand
{
    public static Task<int> RunAsync(IReadOnlyList<string> args) => RecipeJob.RunAsync(args);
}
