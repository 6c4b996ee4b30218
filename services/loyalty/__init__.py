"""The loyalty service: points, tiers, a leaderboard, and the hourly recalculation of all of them."""
