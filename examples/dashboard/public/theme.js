// Sets the chosen theme before the first paint, so that nothing flashes. src/app/theme.ts keeps the choice.
try {
  const theme = localStorage.getItem('dovetail.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // No storage: the system's preference holds.
}
