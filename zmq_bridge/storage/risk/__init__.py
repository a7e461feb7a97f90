"""What risk remembers: limits, daily reference and drawdown, trading states, holds, correlations, commissions."""
