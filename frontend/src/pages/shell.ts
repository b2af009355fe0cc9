/** Every light page: `/` goes to the search field, Enter presses the one button that shows it, some forms ask first. */

import './confirm.ts';
import './copy.ts';

document.addEventListener('keydown', (event) => {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.closest('input, textarea, select, button, a, summary, [contenteditable]')) return;
  if (event.key === 'Enter') document.querySelector<HTMLElement>('[data-enter]')?.click();
  if (event.key !== '/') return;
  const search = document.querySelector<HTMLInputElement>('[data-search]');
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});
