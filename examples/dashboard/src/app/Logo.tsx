// The mark: two pieces of wood that hold each other, which is what a dovetail joint is.

/** Decoration; what it stands beside says the name. */
export function Logo({ size = 24 }: { readonly size?: number }) {
  return (
    <svg className="logo" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <path className="logo-left" d="M2 3h9.2L8.4 8.6h5.4l-2.6 5.6H6.4L9.6 21H2z" />
      <path className="logo-right" d="M13 3h9v18H11.4l-3-5.2h4.2l3.4-7.2h-5.6z" />
    </svg>
  )
}
