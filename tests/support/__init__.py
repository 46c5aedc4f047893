"""What the tests share: servers, processes and waiting. Nothing here knows a call or a provider."""
