// The mark: two pieces of wood that hold each other, which is what a dovetail joint is.

/** Decoration; what it stands beside says the name. */
export function Logo({ size = 24 }: { readonly size?: number }) {
  return (
    <svg className="logo" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path className="logo-left" d="M2 3h8.2v6.2l6.4-2.6v10.8l-6.4-2.6V21H2z" />
      <path className="logo-right" d="M12 3h10v18H12v-3.3l6.4 2.6V3.9L12 6.5z" />
    </svg>
  )
}
